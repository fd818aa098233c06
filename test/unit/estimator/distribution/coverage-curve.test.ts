import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  amountCovering,
  coverage,
  needQuantile,
  type PredictedNeed,
} from '../../../../services/estimator/domain/distribution/coverage.ts'
import {
  coverageCurve,
  mostCurvePoints,
} from '../../../../services/estimator/domain/distribution/coverage-curve.ts'
import { anyAmount, anyDistribution, anyShare } from '../../../support/distributions.ts'

const anyNeed: fc.Arbitrary<PredictedNeed> = fc.record({
  distribution: anyDistribution,
  above: fc.option(anyAmount, { nil: undefined }),
  tail: fc.record({ chance: anyShare, largest: anyAmount, room: anyShare }),
})
const largestAmount = 1e16

test('ascends, is bounded, and says at each amount what the coverage of it is', () => {
  fc.assert(
    fc.property(anyNeed, anyAmount, (need, allocation) => {
      const curve = coverageCurve(need, allocation, largestAmount)
      expect(curve.length).toBeLessThanOrEqual(mostCurvePoints)
      for (const [i, { amount, confidence }] of curve.entries()) {
        expect(confidence).toBe(coverage(need, amount))
        expect(amount).toBeLessThanOrEqual(largestAmount)
        const before = curve[i - 1]
        if (before === undefined) continue
        expect(amount).toBeGreaterThan(before.amount)
        expect(confidence).toBeGreaterThanOrEqual(before.confidence - 1e-12)
      }
      const [first, last] = [curve[0]?.amount ?? 0, curve.at(-1)?.amount ?? 0]
      if (allocation > first && allocation < last) {
        expect(curve.map(({ amount }) => amount)).toContain(allocation)
      }
    }),
  )
})

test('reaches from below the least need to where nearly everything suffices', () => {
  fc.assert(
    fc.property(anyDistribution, (distribution) => {
      const need = { distribution }
      const curve = coverageCurve(need, 0, Number.MAX_VALUE)
      expect(curve[0]?.amount).toBeLessThan(needQuantile(need, 0.002))
      expect(curve.at(-1)?.amount).toBeGreaterThan(amountCovering(need, 0.995))
    }),
  )
})
