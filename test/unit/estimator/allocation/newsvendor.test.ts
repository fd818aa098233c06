import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FailureCost } from '../../../../services/estimator/domain/allocation/failure-cost.ts'
import { newsvendor } from '../../../../services/estimator/domain/allocation/newsvendor.ts'
import { retryAmount } from '../../../../services/estimator/domain/allocation/retry.ts'
import {
  balanced,
  type RiskProfile,
  riskProfile,
} from '../../../../services/estimator/domain/allocation/risk-profile.ts'
import {
  type Distribution,
  quantile,
} from '../../../../services/estimator/domain/distribution/distribution.ts'
import { mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import { anyAmount, anyShare, anyWeighed, listed, weighed } from '../../../support/distributions.ts'

const within = (need: Distribution, leastCoverage: number, seldom: number) => ({
  from: quantile(need, leastCoverage),
  to: quantile(need, seldom),
})

const allocation = (
  need: Distribution,
  cost: FailureCost,
  risk: RiskProfile,
  between: { readonly from: number; readonly to: number },
) => newsvendor(need, cost, risk, between, distributionWorkspace())

/** Expected cost of an amount, as its docstring says it. */
function costsOf(need: Distribution, cost: FailureCost, { failureFactor }: RiskProfile) {
  const { needs, cumulative, runtimeShare } = listed(need)
  const typical = needs.reduce(
    (sum, one, i) => sum + one * ((cumulative[i] ?? 0) - (cumulative[i - 1] ?? 0)),
    0,
  )
  const { patience, restart, restartAmount } = cost
  const charged = failureFactor * (patience * typical + restart * Math.max(typical, restartAmount))
  const at = (amount: number) => needs.findLastIndex((one) => one <= amount)
  const failing = (amount: number) => 1 - (runtimeShare[at(amount)] ?? 0)
  return (amount: number) => {
    const [fails, retry] = [failing(amount), retryAmount(cost.largest, amount)]
    const first = amount * (1 - fails) + fails * amount * cost.timeToFailure
    const again = fails > 0 ? failing(retry) : 0
    return first + fails * retry + 2 * retry * again + (1 - (cumulative[at(amount)] ?? 0)) * charged
  }
}

const anyFailureCost = fc.record({
  timeToFailure: anyShare,
  patience: fc.double({ min: 0.1, max: 10, noNaN: true }),
  restart: fc.double({ min: 0, max: 3, noNaN: true }),
  restartAmount: fc.oneof(fc.constant(0), anyAmount),
  largest: fc.option(anyAmount, { nil: undefined }),
})

test('is one of the possible needs, and no smaller at a higher risk', () => {
  fc.assert(
    fc.property(anyWeighed, anyFailureCost, anyShare, anyShare, (need, cost, a, b) => {
      const at = (risk: number) => {
        const profile = riskProfile({ risk })
        return allocation(
          need,
          cost,
          profile,
          within(need, profile.leastCoverage, 1 - profile.acceptableFailure),
        )
      }
      expect(listed(need).needs).toContain(at(a))
      expect(at(Math.min(a, b))).toBeLessThanOrEqual(at(Math.max(a, b)))
    }),
  )
})

test('costs no more than any other possible need', () => {
  fc.assert(
    fc.property(anyWeighed, anyFailureCost, (need, failureCost) => {
      const exact = { ...balanced, costTolerance: 0 }
      const cost = costsOf(need, failureCost, exact)
      const given = cost(allocation(need, failureCost, exact, within(need, 0, 0.97)))
      for (const other of listed(need).needs) expect(given).toBeLessThanOrEqual(cost(other) * (1 + 1e-6))
    }),
  )
})

test('goes above the cheapest only so as to fail less often, as far as is tolerated', () => {
  fc.assert(
    fc.property(
      anyWeighed,
      anyFailureCost,
      anyShare,
      anyShare,
      (need, failureCost, costTolerance, seldom) => {
        const cautious = { ...balanced, costTolerance }
        const between = within(need, balanced.leastCoverage, seldom)
        const cheapest = allocation(need, failureCost, { ...cautious, costTolerance: 0 }, between)
        const given = allocation(need, failureCost, cautious, between)
        const cost = costsOf(need, failureCost, cautious)
        expect(given).toBeGreaterThanOrEqual(cheapest)
        expect(cost(given)).toBeLessThanOrEqual(cost(cheapest) * (1 + costTolerance) * (1 + 1e-6))
        if (given > cheapest) expect(given).toBeLessThanOrEqual(quantile(need, seldom))
      },
    ),
  )
})

test('gives long runs that need more their weight: what is lost with them is more', () => {
  const shift = Math.log(1e9)
  const needs = Array.from({ length: 20 }, (_, i) => (i < 16 ? 0.001 * i : 1.5 + 0.001 * i))
  const needOf = (usual: number, large: number) =>
    weighed(needs.map((at, i) => [shift + at, 1, i < 16 ? usual : large]))
  const cost = { timeToFailure: 1, patience: 0.1, restart: 0, restartAmount: 0, largest: 5e9 }
  const given = (need: Distribution) =>
    allocation(need, cost, balanced, within(need, balanced.leastCoverage, 0.5))

  expect(given(needOf(1, 100))).toBeGreaterThan(4e9)
  expect(given(needOf(100, 1))).toBeLessThan(1.5e9)
})

test('leaves a rare outlier to the retry, and covers what is usual', () => {
  const usual = Array.from({ length: 40 }, (_, i) => [0.001 * i, 1] as const)
  const need = mixtureAround([...usual, [5, 1]], Math.log(1e9))
  const largest = 1e9 * Math.exp(5)
  const cost = { timeToFailure: 1, patience: 0.5, restart: 0, restartAmount: 0, largest }
  const given = allocation(
    need,
    cost,
    balanced,
    within(need, balanced.leastCoverage, 1 - balanced.acceptableFailure),
  )

  expect(given).toBeGreaterThan(1.03e9)
  expect(given).toBeLessThan(2e9)
})

/** Needs of 1 and 2; 2 comes one time in `rarity`. */
const rarelyTwo = (rarity: number) =>
  weighed([
    [0, rarity - 1],
    [Math.LN2, 1],
  ])
const patient: FailureCost = { timeToFailure: 1, patience: 0, restart: 0, restartAmount: 0, largest: 2 }
const indifferent: RiskProfile = { ...balanced, costTolerance: 0 }
const anywhere = { from: 0, to: 2 }

test('gives the least where a rare failure costs less than giving more to all', () => {
  // Given 1: 1 + 2.1 / rarity; given 2: 2.
  expect(allocation(rarelyTwo(3), patient, indifferent, anywhere)).toBeCloseTo(1, 9)
  expect(allocation(rarelyTwo(2), patient, indifferent, anywhere)).toBeCloseTo(2, 9)
})

test('never goes below where it may begin', () => {
  expect(allocation(rarelyTwo(100), patient, indifferent, { from: 2, to: 2 })).toBeCloseTo(2, 9)
  expect(allocation(rarelyTwo(100), patient, indifferent, { from: 1.5, to: 2 })).toBeCloseTo(2, 9)
  expect(allocation(rarelyTwo(100), patient, indifferent, { from: 50, to: 50 })).toBeCloseTo(2, 9)
})

test('goes up to where it costs so much more, if failures are worth it and it may', () => {
  // Given 1: 1 + 2.1 / 4 and 0.25 · 0.125 charged, 1.556; given 2: 2, 28.5 % more.
  const need = rarelyTwo(4)
  const cost = { ...patient, patience: 0.1 }
  const tolerating = (costTolerance: number) => ({ ...balanced, costTolerance })
  expect(allocation(need, cost, tolerating(0.2), anywhere)).toBeCloseTo(1, 9)
  expect(allocation(need, cost, tolerating(0.32), anywhere)).toBeCloseTo(2, 9)
  expect(allocation(need, cost, tolerating(0.32), { from: 0, to: 1 })).toBeCloseTo(1, 9)
  // A failure that costs nothing is worth nothing.
  expect(allocation(need, patient, tolerating(0.32), anywhere)).toBeCloseTo(1, 9)
})

test('within the tolerance a failure weighs 32 times its cost', () => {
  // Given 1: 1.525 + 0.25 · c; given 2: 2, where c = patience · 1.25 is what a failure costs.
  // With 32 · 0.25 · c on top 2 is better from 8.25 · c > 0.475 on: patience above 0.0461.
  const at = (patience: number) =>
    allocation(rarelyTwo(4), { ...patient, patience }, { ...balanced, costTolerance: 0.5 }, anywhere)
  expect(at(0.045)).toBeCloseTo(1, 9)
  expect(at(0.047)).toBeCloseTo(2, 9)
})

test('of amounts that cost the same the least is taken, and from there what fails less often', () => {
  // Without run times lost, given 1: 1 and half a failure of 2 charged; given 2: 2.
  const need: Distribution = {
    size: 2,
    atoms: Float64Array.of(0, Math.LN2),
    cumulative: Float64Array.of(0.5, 1),
    runtimeShare: Float64Array.of(1, 1),
  }
  const cost = { ...patient, patience: 4 / 3 }
  expect(allocation(need, cost, indifferent, { from: 0, to: 1 })).toBe(1)
  expect(allocation(need, cost, indifferent, { from: 0, to: 2 })).toBe(2)
  // Given 1: 1 and a retry at 4 for a quarter; given 2: 2. A failure is not charged, so neither is better.
  const quarter: Distribution = { ...need, runtimeShare: Float64Array.of(0.75, 1) }
  const free = { ...patient, largest: 4 / 1.05 }
  expect(allocation(quarter, free, indifferent, anywhere)).toBe(1)
})
