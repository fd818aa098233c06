import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FailureCost } from '../../../../services/estimator/domain/allocation/failure-cost.ts'
import {
  leastCostRetry,
  leastCostRetryBeyond,
} from '../../../../services/estimator/domain/allocation/least-cost-retry.ts'
import { tailAfter } from '../../../../services/estimator/domain/distribution/tail.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import { anyAmount, anyShare, anyWeighed, weighed } from '../../../support/distributions.ts'

const cost = (more: Partial<FailureCost> = {}): FailureCost => ({
  ...{ timeToFailure: 1, patience: 0, restart: 0, restartAmount: 0, largest: 800, typicalNeed: 100 },
  ...more,
})

const seen = (...needs: readonly number[]) => ({ needs: Float64Array.from(needs), count: needs.length })

/** The prediction has nothing above what failed, so that only the needs seen speak. */
const refuted = { distribution: weighed([[Math.log(50), 1]]) }

const retry = (
  needs: readonly number[],
  { failed = 100, risk = 0.5, price = cost(), need = refuted as Parameters<typeof leastCostRetry>[1] } = {},
) =>
  leastCostRetry(
    { amount: failed, most: 840 },
    need,
    seen(...needs),
    price,
    { risk },
    distributionWorkspace(),
  )

test('a retry goes just above the needs seen that leave at most a fifth of the failures', () => {
  // Of 9.5 chances in 11 above 100, 0.5 lie above 200: 206 + 0.5 / 9.5 × 840 = 250, against 840 + …
  expect(retry([200, 200, 200, 200, 200, 200, 200, 200, 200])).toBeCloseTo(206, 9)
  // 2.5 of 9.5 above 200 are more than a fifth; 1.5 of 9.5 are not.
  expect(retry([200, 200, 200, 200, 200, 200, 200, 700, 800])).toBeCloseTo(1.03 * 700, 9)
  expect(retry([200, 200, 200, 200, 200, 200, 200, 200, 800])).toBeCloseTo(206, 9)
})

test('it goes to the most where that is the cheapest, or where nothing is known to suffice before', () => {
  expect(retry([50, 60])).toBe(840)
  expect(retry([800])).toBe(840)
  expect(retry([800, 800, 800, 800])).toBeCloseTo(824, 9)
  // A failure that costs 100 runs of 100: 206 + 1.5 / 9.5 × (840 + 10,000) is more than 840 + 0.5 / 9.5 × (1,344 + 10,000).
  expect(retry([200, 200, 200, 200, 200, 200, 200, 200, 820], { price: cost({ patience: 100 }) })).toBe(840)
})

test('what was predicted above the failure weighs 3 to 2 against what was seen', () => {
  // Above 100: 0.6 × 0.5 predicted, at 300, and 0.4 × 4.5 / 5 seen, at 700. Up to 300 fail 0.36 of 0.66, up to 721 0.04.
  const need = {
    distribution: weighed([
      [Math.log(50), 1],
      [Math.log(300), 1],
    ]),
  }
  expect(retry([700, 700, 700, 700], { need })).toBeCloseTo(721, 9)
  // Above 300 only 0.4 × 0.5 / 5 are left.
  expect(retry([200, 200, 200, 200], { need })).toBeCloseTo(300, 9)
})

test('it is 5 % above what failed at least', () => {
  expect(retry([101, 101, 101, 101, 101, 101, 101, 101, 101])).toBe(840)
  expect(retry([102, 102, 102, 102, 102, 102, 102, 102, 102])).toBeCloseTo(1.03 * 102, 9)
})

test('what lies in the tail, beyond all that was seen, is never reached by less', () => {
  const need = { ...refuted, tail: { chance: 1, largest: 800, room: 0.1 } }
  expect(retry([200, 200, 200, 200, 200, 200, 200, 200, 200], { need })).toBe(840)
})

test('it lies above what failed, up to the most, and is no smaller at a higher risk', () => {
  const needs = fc.array(anyAmount, { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(anyWeighed, needs, anyShare, anyShare, fc.nat(20), (distribution, all, a, b, patience) => {
      const [failed, largest] = [Math.min(...all), Math.max(...all)]
      const at = (risk: number) =>
        leastCostRetry(
          { amount: failed, most: 1.05 * largest },
          { distribution },
          seen(...all),
          cost({ patience, largest, typicalNeed: undefined }),
          { risk },
          distributionWorkspace(),
        )
      expect(at(a)).toBeGreaterThan(failed)
      expect(at(a)).toBeLessThanOrEqual(1.05 * largest)
      expect(at(Math.max(a, b))).toBeGreaterThanOrEqual(at(Math.min(a, b)))
    }),
  )
})

const growing = (...points: readonly (readonly [need: number, weight: number])[]) => ({
  distribution: weighed(points.map(([need, weight]) => [Math.log(need), weight])),
})

const beyond = (failed: number, need: Parameters<typeof leastCostRetryBeyond>[1], risk = 0.5) =>
  leastCostRetryBeyond(failed, need, cost({ largest: 100 }), { risk }, distributionWorkspace())

test('beyond the range a retry goes where the need may have grown, so that at most a tenth fails again', () => {
  expect(beyond(150, growing([100, 50], [1000, 46], [9000, 4]))).toBeCloseTo(1000, 6)
  expect(beyond(150, growing([100, 50], [1000, 44], [9000, 6]))).toBeCloseTo(9000, 6)
  expect(beyond(150, growing([100, 50], [1000, 44], [9000, 6]), 0)).toBeCloseTo(1000, 6)
  // 1000 + 0.08 × 1.6 × 1000 is more than 1040 + 0.02 × 1.6 × 1040.
  expect(beyond(150, growing([100, 50], [1000, 46], [1040, 3], [9000, 1]))).toBeCloseTo(1040, 6)
})

test('it is 5 % above what failed at least, and nothing is said where nothing was predicted there', () => {
  expect(beyond(150, growing([100, 50], [151, 46], [200, 4]))).toBeCloseTo(200, 6)
  expect(beyond(150, growing([100, 1]))).toBeUndefined()
})

const anyTail = fc.option(
  fc.nat(100).map((n) => tailAfter(n + 1, 100)),
  { nil: undefined },
)

test('it is no smaller at a higher risk', () => {
  fc.assert(
    fc.property(anyWeighed, anyTail, anyShare, anyShare, fc.nat(20), (distribution, tail, a, b, patience) => {
      const failed = Math.exp(distribution.atoms[0] as number)
      const at = (risk: number) =>
        leastCostRetryBeyond(
          failed,
          { distribution, tail },
          cost({ patience, typicalNeed: undefined }),
          { risk },
          distributionWorkspace(),
        ) ?? 0
      const lower = at(Math.min(a, b))
      expect(at(Math.max(a, b))).toBeGreaterThanOrEqual(lower)
      if (lower > 0) expect(lower).toBeGreaterThan(failed)
    }),
  )
})
