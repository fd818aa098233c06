import fc from 'fast-check'
import { expect, test } from 'vitest'
import { probability, quantile } from '../../../../services/estimator/domain/distribution/distribution.ts'
import { mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { anyAmount, anyDistribution, anyShare, listed } from '../../../support/distributions.ts'

test('is ascending, adds up to one, and its quantiles and probabilities are each other’s inverse', () => {
  fc.assert(
    fc.property(anyDistribution, anyShare, (distribution, q) => {
      const { needs, cumulative } = listed(distribution)
      for (let i = 1; i < distribution.size; i++)
        expect(distribution.atoms[i]).toBeGreaterThan(distribution.atoms[i - 1] ?? 0)
      expect(cumulative).toEqual(cumulative.toSorted((a, b) => a - b))
      expect(cumulative.at(-1)).toBe(1)
      expect(quantile(distribution, q)).toBe(needs[cumulative.findIndex((share) => share >= q)])
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

test('a need too small to differ from zero leaves every probability one', () => {
  const distribution = mixtureAround(
    [
      [-800, 1],
      [20, 1],
    ],
    0,
  )
  expect(listed(distribution).needs[0]).toBe(0)
  for (const amount of [5e-324, 1.5, 1e6]) {
    expect(probability(distribution, amount)).toBeGreaterThan(0)
    expect(probability(distribution, amount)).toBeLessThan(1)
  }
})
