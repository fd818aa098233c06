import fc from 'fast-check'
import { type Distribution, slice } from '../../services/estimator/domain/distribution.ts'
import { around } from '../../services/estimator/domain/mixture.ts'

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
  .map(([points, shift]) => around(points, shift))

/** All atoms of a distribution in order, slice by slice: their needs, and P(need ≤ each). */
export function sorted(d: Distribution): {
  readonly needs: readonly number[]
  readonly below: readonly number[]
} {
  const slices = Array.from({ length: d.size }, (_, index) => {
    const { atoms, below, count } = slice(d, index)
    return { atoms: [...atoms.subarray(0, count)], below: [...below.subarray(0, count)] }
  })
  return {
    needs: slices.flatMap(({ atoms }) => atoms.map(Math.exp)),
    below: slices.flatMap(({ below }) => below),
  }
}
