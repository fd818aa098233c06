import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addTransform, calibration } from '../../../../services/estimator/domain/distribution/calibration.ts'
import {
  amountCovering,
  coverage,
  needQuantile,
  type PredictedNeed,
} from '../../../../services/estimator/domain/distribution/coverage.ts'
import { mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { populations } from '../../../../services/estimator/domain/distribution/population.ts'
import { anyAmount, anyDistribution, anyShare, listed, weighed } from '../../../support/distributions.ts'

const anyNeed: fc.Arbitrary<PredictedNeed> = fc.record({
  distribution: anyDistribution,
  above: fc.option(anyAmount, { nil: undefined }),
  tail: fc.record({ chance: anyShare, largest: anyAmount, room: anyShare }),
  sparse: fc.option(fc.record({ chance: anyShare, largest: anyAmount }), { nil: undefined }),
  ceiling: fc.option(fc.record({ chance: anyShare, largest: anyAmount }), { nil: undefined }),
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

/** Half of the needs are 1 GB, half are 2 GB. */
const either = weighed([
  [Math.log(1e9), 1],
  [Math.log(2e9), 1],
])
const always1GB = weighed([[Math.log(1e9), 1]])

test('is never more than at the edge of the range', () => {
  expect(coverage({ distribution: always1GB, atEdge: either }, 1e9)).toBeCloseTo(0.5, 9)
  expect(coverage({ distribution: either, atEdge: always1GB }, 1e9)).toBeCloseTo(0.5, 9)
})

test('of amounts beyond the range the least that covers a target is given, between needs too', () => {
  const grid = weighed([
    [0, 1],
    [1, 1],
  ])
  // Half at or below 1, and from there in proportion to the logarithm.
  const amount = amountCovering({ distribution: grid, atEdge: weighed([[-1, 1]]) }, 0.75)
  expect(Math.log(amount)).toBeCloseTo(0.5, 3)
  expect(Math.log(amountCovering({ distribution: grid }, 0.75))).toBeCloseTo(1, 9)
})

test('goes by what is believed where that is another than what amounts are chosen by', () => {
  expect(coverage({ distribution: either, believed: always1GB }, 1e9)).toBe(1)
  expect(needQuantile({ distribution: either, believed: always1GB }, 0.9)).toBeCloseTo(2e9, 0)
})

test('is no more than what a ceiling leaves, which falls with the square of the amount above it', () => {
  const need = { distribution: either, ceiling: { chance: 0.1, largest: 2e9 } }
  expect([1e9, 2e9, 4e9].map((amount) => coverage(need, amount))).toEqual(
    [0.5, 0.9, 0.975].map((p) => expect.closeTo(p, 9)),
  )
  expect(amountCovering(need, 0.975) / 4e9).toBeCloseTo(1, 2)
})

test('without more is the probability of the distribution', () => {
  expect(coverage({ distribution: either }, 0)).toBe(0)
  expect(coverage({ distribution: either }, 0.99e9)).toBe(0)
  expect(coverage({ distribution: either }, 1e9)).toBeCloseTo(0.5, 9)
  expect(coverage({ distribution: either }, Math.SQRT2 * 1e9)).toBeCloseTo(0.75, 9)
  expect(coverage({ distribution: either }, 2e9)).toBe(1)
})

test('is corrected by the calibration', () => {
  const record = calibration()
  addTransform(record, 0.5)
  expect(coverage({ distribution: either, calibration: record }, 1e9)).toBeCloseTo(6 / 11, 9)
})

test('is short of one by the tail, which falls with the square of the amount', () => {
  const need = { distribution: either, tail: { chance: 0.2, largest: 1e9, room: 1 } }
  expect(coverage(need, 1e9)).toBeCloseTo(0.5 * 0.8, 9)
  expect(coverage(need, 2e9)).toBeCloseTo(1 - 0.2 / 4, 9)
})

test('after a failure is what is left of the probability above what failed', () => {
  const need = { distribution: either, above: 1e9 }
  expect(coverage(need, 1e9)).toBe(0)
  expect(coverage(need, Math.SQRT2 * 1e9)).toBeCloseTo(0.5, 9)
  expect(coverage(need, 2e9)).toBe(1)
})

test('where no more than a thousandth was left above what failed, twice that is as good as any', () => {
  const tail = { chance: 0.01, largest: 1e9, room: 1 }
  // 0.01 / 3² is more than a thousandth, 0.01 / 4² is less.
  expect(coverage({ distribution: always1GB, tail, above: 3e9 }, 6e9)).toBeCloseTo(0.75, 9)
  const beyond = { distribution: always1GB, tail, above: 4e9 }
  expect(coverage(beyond, 4e9)).toBe(0)
  expect(coverage(beyond, 6e9)).toBeCloseTo(0.25, 12)
  expect(coverage(beyond, 8e9)).toBe(0.5)
  expect(coverage(beyond, 80e9)).toBe(0.5)
})

test('a quantile of the need is never below what failed', () => {
  expect(needQuantile({ distribution: either }, 0.5)).toBeCloseTo(1e9, 0)
  expect(needQuantile({ distribution: either }, 0.51)).toBeCloseTo(2e9, 0)
  expect(needQuantile({ distribution: either, above: 1.5e9 }, 0.5)).toBe(1.5e9)
  expect(needQuantile({ distribution: either, above: 1.5e9 }, 0.9)).toBeCloseTo(2e9, 0)
})

test('the amount that covers a target is the least need that does, and beyond all needs follows the tail', () => {
  expect(amountCovering({ distribution: either }, 0.5)).toBeCloseTo(1e9, 0)
  expect(amountCovering({ distribution: either }, 0.51)).toBeCloseTo(2e9, 0)
  const need = { distribution: always1GB, tail: { chance: 0.2, largest: 1e9, room: 1 } }
  expect(amountCovering(need, 0.8)).toBeCloseTo(1e9, 0)
  // 1 − 0.2 / 2² = 0.95
  expect(amountCovering(need, 0.95) / 2e9).toBeCloseTo(1, 8)
  // Of the tail, which is all that is left above 1 GB, three quarters lie below 2 GB.
  expect(amountCovering({ ...need, above: 1e9 }, 0.75) / 2e9).toBeCloseTo(1, 8)
})

test('a target is not chased beyond what failed where next to nothing was left above it', () => {
  const tail = { chance: 0.01, largest: 1e9, room: 1 }
  expect(amountCovering({ distribution: always1GB, tail, above: 4e9 }, 0.9)).toBeCloseTo(1e9, 0)
  expect(amountCovering({ distribution: either, above: 1.5e9 }, 1)).toBeCloseTo(2e9, 0)
})

test('nothing covers a need but an amount, whatever the calibration says', () => {
  const record = calibration()
  addTransform(record, 0)
  expect(coverage({ distribution: either, calibration: record }, 0)).toBe(0)
  expect(coverage({ distribution: either, calibration: record }, 1)).toBeGreaterThan(0)
})

/** A doubt of 0.2 at 1 GB, which ends at e^2.5 GB. */
const doubt = {
  departure: 0.2,
  from: Math.log(1e9),
  ignorance: 0,
  population: populations.memoryBytes,
}
const half = Math.exp(1.25)

test('is short of one by the doubt, which falls with the square of what is left of its reach', () => {
  const need = { distribution: always1GB, doubt }
  expect(coverage(need, 1e9)).toBeCloseTo(0.8, 9)
  expect(coverage(need, half * 1e9)).toBeCloseTo(0.95, 9)
  expect(coverage(need, half ** 2 * 1e9)).toBeCloseTo(1, 9)
  const tail = { chance: 0.1, largest: 1e9, room: 1 }
  expect(coverage({ ...need, tail }, half * 1e9)).toBeCloseTo(0.95 * (1 - 0.1 / half ** 2), 9)
})

test('is short of one by the chance that few executions are as large, or by the doubt where that is greater', () => {
  const need = { distribution: always1GB, sparse: { chance: 0.1, largest: 1e9 } }
  expect(coverage(need, 1e9)).toBeCloseTo(0.9, 9)
  expect(coverage(need, 2e9)).toBeCloseTo(0.975, 9)
  expect(coverage({ ...need, doubt }, 1e9)).toBeCloseTo(0.8, 9)
  expect(coverage({ ...need, doubt }, half ** 2 * 1e9)).toBeCloseTo(1 - 0.1 / half ** 4, 9)
  expect(amountCovering(need, 0.95) / 1e9).toBeCloseTo(Math.SQRT2, 6)
})

test('the amount that covers a target in doubt is the least, to a thousandth', () => {
  const need = { distribution: always1GB, doubt }
  expect(amountCovering(need, 0.8)).toBeCloseTo(1e9, 0)
  const amount = amountCovering(need, 0.95) / 1e9
  expect(amount).toBeGreaterThan(half * (1 - 1e-9))
  expect(amount).toBeLessThan(half * 1.001)
})

const anyDoubt = fc.record({
  departure: fc.double({ min: 0, max: 0.5, noNaN: true }),
  from: fc.double({ min: 0, max: 40, noNaN: true }),
  ignorance: fc.double({ min: 0, max: 1, noNaN: true }),
  population: fc.constantFrom(...Object.values(populations)),
})

test('a target above all needs is covered in tail and doubt, and by no amount that is a thousandth less', () => {
  const target = fc.double({ min: 0.01, max: 0.99, noNaN: true })
  fc.assert(
    fc.property(anyNeed, anyDoubt, target, (need, doubt, target) => {
      const doubted = { ...need, doubt, above: undefined }
      const amount = amountCovering(doubted, target)
      expect(coverage(doubted, amount)).toBeGreaterThanOrEqual(target)
      const { needs } = listed(need.distribution)
      if (amount > Math.max(...needs) * 1.001) expect(coverage(doubted, amount / 1.0011)).toBeLessThan(target)
    }),
  )
})
