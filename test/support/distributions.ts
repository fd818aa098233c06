import fc from 'fast-check'
import type { Distribution } from '../../services/estimator/domain/distribution/distribution.ts'
import { mixtureAround } from '../../services/estimator/domain/distribution/mixture.ts'

export const anyShare = fc.double({ min: 0, max: 1, noNaN: true })
export const anyResidual = fc.oneof(
  fc.constantFrom(0, 0.1, -0.1, 5),
  fc.double({ min: -30, max: 30, noNaN: true }),
)
export const anyWeight = fc.double({ min: 0.01, max: 100, noNaN: true })
export const anyAmount = fc.double({ min: -5, max: 60, noNaN: true }).map(Math.exp)

/** ln(prediction) */
export const anyShift = fc.double({ min: 0, max: 30, noNaN: true })

export const anyDistribution = fc
  .tuple(fc.array(fc.tuple(anyResidual, anyWeight), { minLength: 1, maxLength: 96 }), anyShift)
  .map(([points, shift]) => mixtureAround(points, shift))

/** The same needs, weighed by how often they come and by how long they run. */
export const anyWeighed: fc.Arbitrary<Distribution> = fc
  .tuple(fc.array(fc.tuple(anyResidual, anyWeight, anyWeight), { minLength: 1, maxLength: 96 }), anyShift)
  .map(([points, shift]) => {
    const byNeed = new Map(
      points.map(([at, often, long]) => [shift + at, [shift + at, often, long] as const]),
    )
    return weighed([...byNeed.values()])
  })

/** The distribution of some needs, given as logarithms, how often they come, and how long they run where that differs. */
export function weighed(
  points: readonly (readonly [at: number, often: number, long?: number])[],
): Distribution {
  const inOrder = points.toSorted(([a], [b]) => a - b)
  return {
    size: points.length,
    atoms: Float64Array.from(inOrder, ([at]) => at),
    cumulative: upTo(inOrder.map(([, often]) => often)),
    runtimeShare: upTo(inOrder.map(([, often, long]) => long ?? often)),
  }
}

/** Shares of the whole, each with those before it. */
function upTo(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let sum = 0
  const shares = Float64Array.from(weights, (weight) => {
    sum += weight
    return Math.min(1, sum / total)
  })
  shares[weights.length - 1] = 1
  return shares
}

/** Of each atom its need, P(need ≤ it), and the share of the run time that goes with those. */
export function listed({ size, atoms, cumulative, runtimeShare }: Distribution): {
  readonly needs: readonly number[]
  readonly cumulative: readonly number[]
  readonly runtimeShare: readonly number[]
} {
  return {
    needs: [...atoms.subarray(0, size)].map(Math.exp),
    cumulative: [...cumulative.subarray(0, size)],
    runtimeShare: [...runtimeShare.subarray(0, size)],
  }
}
