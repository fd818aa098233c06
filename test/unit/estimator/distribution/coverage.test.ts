import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  amountCovering,
  coverage,
  type PredictedNeed,
} from '../../../../services/estimator/domain/distribution/coverage.ts'
import { mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { anyAmount, anyDistribution, anyShare } from '../../../support/distributions.ts'

const anyNeed: fc.Arbitrary<PredictedNeed> = fc.record({
  distribution: anyDistribution,
  above: fc.option(anyAmount, { nil: undefined }),
  tail: fc.record({ chance: anyShare, largest: anyAmount, room: anyShare }),
})

test('grows with the amount, and is zero at or below what is known not to suffice', () => {
  fc.assert(
    fc.property(anyNeed, anyAmount, anyAmount, (need, a, b) => {
      const [less, more] = [coverage(need, Math.min(a, b)), coverage(need, Math.max(a, b))]
      expect(less).toBeLessThanOrEqual(more + 1e-12)
      expect(less >= 0 && more <= 1).toBe(true)
      if (need.above !== undefined) expect(coverage(need, need.above)).toBe(0)
    }),
  )
})

test('reaches any target below one at the amount that is said to cover it', () => {
  fc.assert(
    fc.property(anyNeed, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (need, target) => {
      const fresh = { ...need, above: undefined }
      expect(coverage(fresh, amountCovering(fresh, target))).toBeGreaterThanOrEqual(target)
    }),
  )
})

test('is lower the fewer executions there were', () => {
  const distribution = mixtureAround([[0, 1]], Math.log(1e9))
  const coverageAfter = (executions: number) =>
    coverage({ distribution, tail: { chance: 1 / executions, largest: 1e9, room: 0.1 } }, 1e9)
  expect(coverageAfter(1)).toBeLessThan(coverageAfter(2))
  expect(coverageAfter(2)).toBeLessThan(coverageAfter(50))
})
