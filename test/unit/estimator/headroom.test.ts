import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Appetite, appetiteOf, balanced } from '../../../services/estimator/domain/appetite.ts'
import { type Distribution, quantile } from '../../../services/estimator/domain/distribution.ts'
import { nextRung } from '../../../services/estimator/domain/escalation.ts'
import type { Stakes } from '../../../services/estimator/domain/expected-cost.ts'
import { headroom } from '../../../services/estimator/domain/headroom.ts'
import { around } from '../../../services/estimator/domain/mixture.ts'
import { anyAmount, anyShare, anyWeighed, listed, weighed } from '../../support/distributions.ts'

describe('headroom', () => {
  const within = (need: Distribution, floor: number, rarely: number) => ({
    from: quantile(need, floor),
    to: quantile(need, rarely),
  })

  /** Expected cost of an amount, as its docstring says it. */
  function costsOf(need: Distribution, stakes: Stakes, { price }: Appetite) {
    const { needs, below, spent } = listed(need)
    const typical = needs.reduce((sum, one, i) => sum + one * ((below[i] ?? 0) - (below[i - 1] ?? 0)), 0)
    const { failurePrice, restartPrice, restartAmount } = stakes
    const fine = price * (failurePrice * typical + restartPrice * Math.max(typical, restartAmount))
    const at = (amount: number) => needs.findLastIndex((one) => one <= amount)
    const failing = (amount: number) => 1 - (spent[at(amount)] ?? 0)
    return (amount: number) => {
      const [fails, retry] = [failing(amount), nextRung(stakes.largest, amount)]
      const first = amount * (1 - fails) + fails * amount * stakes.timeToFailure
      const again = fails > 0 ? failing(retry) : 0
      return first + fails * retry + 2 * retry * again + (1 - (below[at(amount)] ?? 0)) * fine
    }
  }

  const anyStakes = fc.record({
    timeToFailure: anyShare,
    failurePrice: fc.double({ min: 0.1, max: 10, noNaN: true }),
    restartPrice: fc.double({ min: 0, max: 3, noNaN: true }),
    restartAmount: fc.oneof(fc.constant(0), anyAmount),
    largest: fc.oneof(fc.constant(0), anyAmount),
  })

  test('is one of the needs held possible, and no smaller for a larger appetite for safety', () => {
    fc.assert(
      fc.property(anyWeighed, anyStakes, anyShare, anyShare, (need, stakes, a, b) => {
        const at = (risk: number) => {
          const appetite = appetiteOf({ risk })
          return headroom(need, stakes, appetite, within(need, appetite.floor, 1 - appetite.acceptable))
        }
        expect(listed(need).needs).toContain(at(a))
        expect(at(Math.min(a, b))).toBeLessThanOrEqual(at(Math.max(a, b)))
      }),
    )
  })

  test('costs no more than any other need held possible', () => {
    fc.assert(
      fc.property(anyWeighed, anyStakes, (need, stakes) => {
        const appetite = { ...balanced, tolerance: 0 }
        const cost = costsOf(need, stakes, appetite)
        const given = cost(headroom(need, stakes, appetite, within(need, 0, 0.97)))
        for (const other of listed(need).needs) expect(given).toBeLessThanOrEqual(cost(other) * (1 + 1e-6))
      }),
    )
  })

  test('goes above the cheapest only so as to fail less often, as far as is tolerated', () => {
    fc.assert(
      fc.property(anyWeighed, anyStakes, anyShare, anyShare, (need, stakes, tolerance, rarely) => {
        const cautious = { ...balanced, tolerance }
        const between = within(need, balanced.floor, rarely)
        const cheapest = headroom(need, stakes, { ...cautious, tolerance: 0 }, between)
        const given = headroom(need, stakes, cautious, between)
        const cost = costsOf(need, stakes, cautious)
        expect(given).toBeGreaterThanOrEqual(cheapest)
        expect(cost(given)).toBeLessThanOrEqual(cost(cheapest) * (1 + tolerance) * (1 + 1e-6))
        if (given > cheapest) expect(given).toBeLessThanOrEqual(quantile(need, rarely))
      }),
    )
  })

  test('gives long runs that need more their weight: what is lost with them is more', () => {
    const shift = Math.log(1e9)
    const needs = Array.from({ length: 20 }, (_, i) => (i < 16 ? 0.001 * i : 1.5 + 0.001 * i))
    const needOf = (usual: number, large: number) =>
      weighed(needs.map((at, i) => [shift + at, 1, i < 16 ? usual : large]))
    const stakes = { timeToFailure: 1, failurePrice: 0.1, restartPrice: 0, restartAmount: 0, largest: 5e9 }
    const given = (need: Distribution) => headroom(need, stakes, balanced, within(need, balanced.floor, 0.5))

    expect(given(needOf(1, 100))).toBeGreaterThan(4e9)
    expect(given(needOf(100, 1))).toBeLessThan(1.5e9)
  })

  test('leaves a rare outlier to the retry, and covers what is usual', () => {
    const usual = Array.from({ length: 40 }, (_, i) => [0.001 * i, 1] as const)
    const need = around([...usual, [5, 1]], Math.log(1e9))
    const largest = 1e9 * Math.exp(5)
    const stakes = { timeToFailure: 1, failurePrice: 0.5, restartPrice: 0, restartAmount: 0, largest }
    const given = headroom(need, stakes, balanced, within(need, balanced.floor, 1 - balanced.acceptable))

    expect(given).toBeGreaterThan(1.03e9)
    expect(given).toBeLessThan(2e9)
  })

  test('after a failure comes the largest need seen, and beyond it ever longer steps', () => {
    expect(nextRung(8, 4)).toBeCloseTo(8.4, 12)
    const steps = [1, 2, 3].map((failures) => nextRung(8, 10, failures) / 10)
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    expect(steps[0]).toBeGreaterThan(1)
  })
})
