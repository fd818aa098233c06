import fc from 'fast-check'
import { expect, test } from 'vitest'
import { balanced, riskProfile } from '../../../../services/estimator/domain/allocation/risk-profile.ts'
import { anyShare } from '../../../support/distributions.ts'

test('is linear from economical over balanced to safe; a failure costs 16 times more or less at the ends', () => {
  const profile = (
    leastCoverage: number,
    failureFactor: number,
    costTolerance: number,
    acceptableFailure: number,
    quantile: number,
  ) =>
    Object.fromEntries(
      Object.entries({ leastCoverage, failureFactor, costTolerance, acceptableFailure, quantile }).map(
        ([key, value]) => [key, expect.closeTo(value, 12)],
      ),
    )
  expect(riskProfile({ risk: 0 })).toEqual(profile(0.05, 1 / 16, 0, 0.08, 0.5))
  expect(riskProfile({ risk: 0.25 })).toEqual(profile(0.175, 1 / 4, 0.0625, 0.06, 0.625))
  expect(riskProfile({ risk: 0.5 })).toEqual(profile(0.3, 1, 0.125, 0.04, 0.75))
  expect(riskProfile({ risk: 0.75 })).toEqual(profile(0.645, 4, 0.1875, 0.02, 0.87))
  expect(riskProfile({ risk: 1 })).toEqual(profile(0.99, 16, 0.25, 0, 0.99))
  expect(balanced).toEqual(riskProfile({ risk: 0.5 }))
})

test('more risk aversion never asks for less', () => {
  fc.assert(
    fc.property(anyShare, anyShare, (a, b) => {
      const [less, more] = [riskProfile({ risk: Math.min(a, b) }), riskProfile({ risk: Math.max(a, b) })]
      for (const key of ['leastCoverage', 'failureFactor', 'costTolerance', 'quantile'] as const)
        expect(more[key]).toBeGreaterThanOrEqual(less[key])
      expect(more.acceptableFailure).toBeLessThanOrEqual(less.acceptableFailure)
    }),
  )
})
