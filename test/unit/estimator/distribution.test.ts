import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Distribution,
  peakAtoms,
  peakWeights,
  probability,
  quantile,
  slice,
} from '../../../services/estimator/domain/distribution.ts'
import { around } from '../../../services/estimator/domain/mixture.ts'
import { leaning, note, residuals } from '../../../services/estimator/domain/residuals.ts'
import { anyAmount, anyDistribution, anyResidual, anyShare, sorted } from '../../support/distributions.ts'

/** What `sorted` gives, by itself: every residual's and every prior's atoms, sorted; equal ones are one. */
function sortedPlainly({ parts, priors, shares, total }: Distribution) {
  const weights = new Map<number, number>()
  const add = (at: number, weight: number) => weights.set(at, (weights.get(at) ?? 0) + weight / total)
  for (const { residuals, shift } of parts)
    for (let i = 0; i < residuals.count; i++)
      for (const [j, atom] of leaning.atoms.entries()) {
        const share = (shares[i] ?? 0) - (shares[i - 1] ?? 0)
        const at = shift + (residuals.values[i] ?? 0) + atom * (residuals.widths[i] ?? 0)
        add(at, share * (leaning.weights[j] ?? 0))
      }
  for (const { shift, scale, share } of priors)
    for (const [j, atom] of peakAtoms.entries()) add(shift + scale * atom, share * (peakWeights[j] ?? 0))
  const atoms = [...weights].sort(([a], [b]) => a - b)
  let sum = 0
  return { needs: atoms.map(([at]) => Math.exp(at)), below: atoms.map(([, weight]) => (sum += weight)) }
}

describe('residuals', () => {
  test('only the set matters: in whatever order they come, values and widths are the same', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyResidual, { minLength: 1, maxLength: 96 }),
        fc.integer(),
        (values, seed) => {
          const some = residuals()
          const other = residuals()
          for (const value of values) note(some, value, 0)
          const shuffled = [...values].sort((a, b) => Math.sin(a * seed + 1) - Math.sin(b * seed + 1))
          for (const value of shuffled) note(other, value, 0)
          expect(other.values.slice(0, other.count)).toEqual(some.values.slice(0, some.count))
          expect(other.widths.slice(0, other.count)).toEqual(some.widths.slice(0, some.count))
        },
      ),
    )
  })

  test('widths grow no faster than distances: whatever is added of them leaves the order', () => {
    fc.assert(
      fc.property(fc.array(anyResidual, { minLength: 1, maxLength: 96 }), (values) => {
        const all = residuals()
        for (const [origin, value] of values.entries()) note(all, value, origin)
        for (const atom of leaning.atoms) {
          const places = all.values.slice(0, all.count).map((value, i) => value + atom * (all.widths[i] ?? 0))
          for (const [i, place] of places.entries()) {
            expect(place).toBeGreaterThanOrEqual((places[i - 1] ?? place) - 1e-12)
          }
        }
      }),
    )
  })
})

describe('a distribution', () => {
  test('put in order slice by slice is what it is when all is sorted at once', () => {
    fc.assert(
      fc.property(anyDistribution, (distribution) => {
        const [some, all] = [sorted(distribution), sortedPlainly(distribution)]
        expect(some.needs).toEqual(all.needs)
        for (const [i, share] of all.below.entries()) expect(some.below[i]).toBeCloseTo(share, 9)
      }),
    )
  })

  test('a slice that is asked for again stays as it is while others are', () => {
    const distribution = around(
      Array.from({ length: 90 }, (_, i) => [i, 1] as const),
      0,
    )
    const contents = (index: number) => {
      const { atoms, count } = slice(distribution, index)
      return [...atoms.subarray(0, count)]
    }
    const wanted = Array.from({ length: 10 }, (_, index) => contents(index))
    for (let again = 0; again < 9; again++)
      for (let other = 0; other < 9; other++) {
        const held = slice(distribution, again)
        slice(distribution, 9)
        slice(distribution, other)
        expect([...held.atoms.subarray(0, held.count)]).toEqual(wanted[again])
      }
  })

  test('is ascending, adds up to one, and its quantiles and probabilities are each other’s inverse', () => {
    fc.assert(
      fc.property(anyDistribution, anyShare, (distribution, q) => {
        const { needs, below } = sorted(distribution)
        expect(needs).toEqual(needs.toSorted((a, b) => a - b))
        expect(below).toEqual(below.toSorted((a, b) => a - b))
        expect(below.at(-1)).toBe(1)
        expect(quantile(distribution, q)).toBe(needs[below.findIndex((share) => share >= q)])
        expect(probability(distribution, quantile(distribution, q))).toBeGreaterThanOrEqual(q)
      }),
    )
  })

  test('gives more to more, nothing to nothing, and everything to enough', () => {
    fc.assert(
      fc.property(anyDistribution, anyAmount, anyAmount, (distribution, a, b) => {
        const [less, more] = [
          probability(distribution, Math.min(a, b)),
          probability(distribution, Math.max(a, b)),
        ]
        expect(less).toBeLessThanOrEqual(more)
        expect(probability(distribution, 0)).toBe(0)
        expect(probability(distribution, Number.MAX_VALUE)).toBe(1)
      }),
    )
  })

  test('a need too small to be told from zero leaves every probability one', () => {
    const distribution = around(
      [
        [-800, 1],
        [20, 1],
      ],
      0,
    )
    expect(sorted(distribution).needs[0]).toBe(0)
    for (const amount of [5e-324, 1.5, 1e6]) {
      expect(probability(distribution, amount)).toBeGreaterThan(0)
      expect(probability(distribution, amount)).toBeLessThan(1)
    }
  })
})
