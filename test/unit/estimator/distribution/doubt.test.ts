import { expect, test } from 'vitest'
import {
  amountBeyondDoubt,
  type Doubt,
  doubtAt,
  leverageOf,
  mostDoubt,
  probabilityAgainst,
} from '../../../../services/estimator/domain/distribution/doubt.ts'

const population = { median: 1e9, scale: 1 }
const at = (range: number, scatter: number, distance: number) =>
  doubtAt(leverageOf(distance, range), scatter, 1, population)

test('a departure is at most a half, half of that eight ranges away, and half where the scatter is 0.03', () => {
  const departure = (...of: Parameters<typeof at>) => at(...of).departure
  expect(departure(1, 1e12, 1e12)).toBeCloseTo(0.5, 9)
  // A range counts 0.01 more than it is: 8 / (0.99 + 0.01)
  expect(departure(0.99, 1e12, 8)).toBeCloseTo(0.25, 9)
  expect(departure(1, 0.03, 1e12)).toBeCloseTo(0.25, 9)
  expect(departure(0.99, 0.03, 8)).toBeCloseTo(0.125, 12)
  expect(departure(0.99, 0.06, 12)).toBeCloseTo((0.5 * (12 / 20) * 2) / 3, 12)
})

test('that nothing is known is certain in the end, half so twenty ranges away, and half where the scatter is 0.03', () => {
  const ignorance = (...of: Parameters<typeof at>) => at(...of).ignorance
  expect(ignorance(1, 1e12, 1e12)).toBeCloseTo(1, 9)
  expect(ignorance(0.99, 1e12, 20)).toBeCloseTo(0.5, 9)
  expect(ignorance(0.99, 0.03, 20)).toBeCloseTo(0.25, 9)
})

test('of values that never varied counts their range as 0.01', () => {
  expect(at(0, 0.03, 0.08).departure).toBeCloseTo(0.125, 12)
})

test('is none where every need was as the law says', () => {
  expect(at(1, 0, 5)).toMatchObject({ departure: 0, ignorance: 0 })
})

test('grows with the distance and with the scatter, and falls with the range', () => {
  for (const kind of ['departure', 'ignorance'] as const) {
    expect(at(1, 0.1, 2)[kind]).toBeGreaterThan(at(1, 0.1, 1)[kind])
    expect(at(1, 0.2, 1)[kind]).toBeGreaterThan(at(1, 0.1, 1)[kind])
    expect(at(2, 0.1, 1)[kind]).toBeLessThan(at(1, 0.1, 1)[kind])
  }
})

const against = (doubt: Partial<Doubt>, ...amounts: readonly number[]) =>
  amounts.map((amount) =>
    probabilityAgainst({ departure: 0, from: Math.log(1e6), ignorance: 0, population, ...doubt }, amount),
  )
const close = (...of: readonly number[]) => of.map((p) => expect.closeTo(p, 9))

test('a departure reaches from the largest need seen to e^2.5 times that, and falls with the square of what is left', () => {
  const times = [0.01, 1, Math.exp(1.25), Math.exp(2), Math.exp(2.5), 1e3]
  expect(against({ departure: 0.4 }, ...times.map((t) => t * 1e6))).toEqual(close(0.4, 0.4, 0.1, 0.016, 0, 0))
})

test('where nothing is known a need is what tasks need at all, up to 128 times the median, but above the largest seen', () => {
  const beyondAll = 1 / 129
  const share = (amount: number) => (1 / (1 + amount / 1e9) - beyondAll) / (1 - beyondAll)
  expect(against({ ignorance: 0.5 }, 1e3, 1e6, 1e9, 9e9, 1.28e11, 1e12)).toEqual(
    close(...[1e6, 1e6, 1e9, 9e9].map((amount) => 0.5 * share(amount)), 0, 0),
  )
})

test('a large need leaves less to doubt than a small one, the same times above the largest seen', () => {
  const [small, large] = [1e7, 1e10].map((largest) =>
    probabilityAgainst(doubtAt(leverageOf(2, 0), 0.1, largest, population), 5 * largest),
  )
  expect(small).toBeGreaterThan(3 * (large as number))
})

test('of two reasons to doubt the greater counts', () => {
  expect(against({ departure: 0.4, ignorance: 0.1 }, 1e6)).toEqual(close(0.4))
  expect(against({ departure: 0.1, ignorance: 0.4 }, 1e9)).toEqual(against({ ignorance: 0.4 }, 1e9))
})

test.each([1e6, 1e12])('the least amount beyond doubt is where both end, after a need of %d', (largest) => {
  const doubt = { departure: 0.4, from: Math.log(largest), ignorance: 0.4, population }
  const least = amountBeyondDoubt(doubt)
  expect(least / Math.max(1.28e11, largest * Math.exp(2.5))).toBeCloseTo(1, 8)
  expect(probabilityAgainst(doubt, least)).toBe(0)
  expect(probabilityAgainst(doubt, least * 0.999)).toBeGreaterThan(0)
})

test('for several reasons is as for the one that says most, each way', () => {
  const [near, far] = [at(1, 0.03, 2), at(1, 0.03, 9)]
  expect(mostDoubt(near, far)).toEqual(far)
  expect(mostDoubt(far, near)).toEqual(far)
})
