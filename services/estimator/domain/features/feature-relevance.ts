import { addPair, type JointMoments, jointMoments } from '../../../../shared/domain/moments.ts'
import type { Point } from './encoder.ts'

/**
 * Which feature explains most of the need: the largest squared correlation of ln(1 + feature) with ln(need), shrunk by
 * n / (n + 2).
 * Law: incremental equals batch, for the same order.
 */
export interface FeatureRelevance {
  observe(point: Point, need: number): void
  /** Column of the most informative feature; undefined while there is none. */
  readonly mostInformative: () => number | undefined
}

export function featureRelevance(): FeatureRelevance {
  const columns: JointMoments[] = []
  let best: number | undefined
  return {
    observe(point, need) {
      const y = Math.log(need)
      for (let c = 0; c < point.logs.length; c++) {
        const x = point.logs[c]
        if (x === undefined) continue
        while (columns.length <= c) columns.push(jointMoments())
        addPair(columns[c] as JointMoments, x, y)
      }
      best = mostInformativeOf(columns)
    },
    mostInformative: () => best,
  }
}

/** A later column has to explain so much more: features that say the same must not take turns. */
const leastGain = 0.05

function mostInformativeOf(columns: readonly JointMoments[]): number | undefined {
  let best: number | undefined
  let bestScore = 0
  for (let column = 0; column < columns.length; column++) {
    const { count, squaresX, squaresY, products } = columns[column] as JointMoments
    if (count < 1) continue
    const explained = squaresX > 1e-12 && squaresY > 1e-12 ? (products * products) / (squaresX * squaresY) : 0
    const score = (explained * count) / (count + 2)
    if (best !== undefined && !(score > bestScore + leastGain)) continue
    bestScore = score
    best = column
  }
  return best
}
