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
  /** The columns in order, the one that explains most of the need first. */
  readonly inOrder: () => readonly number[]
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
    inOrder: () => [...columns.keys()].sort((a, b) => scoreOf(columns[b]) - scoreOf(columns[a])),
  }
}

/** A later column has to explain so much more: features that say the same must not take turns. */
const leastGain = 0.05

function mostInformativeOf(columns: readonly JointMoments[]): number | undefined {
  let best: number | undefined
  let bestScore = 0
  for (let column = 0; column < columns.length; column++) {
    const one = columns[column] as JointMoments
    if (one.count < 1) continue
    const score = scoreOf(one)
    if (best !== undefined && !(score > bestScore + leastGain)) continue
    bestScore = score
    best = column
  }
  return best
}

function scoreOf({ count, squaresX, squaresY, products } = jointMoments()): number {
  const explained = squaresX > 1e-12 && squaresY > 1e-12 ? (products * products) / (squaresX * squaresY) : 0
  return (explained * count) / (count + 2)
}
