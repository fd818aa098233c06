import { expect, test } from 'vitest'
import {
  amountBeyondDoubt,
  doubtAt,
  probabilityAgainst,
} from '../../../../services/estimator/domain/distribution/doubt.ts'
import type { LawRecord } from '../../../../services/estimator/domain/distribution/growth-laws.ts'

const recordOf = (range: number, scatter: number): LawRecord => ({
  executions: 1,
  column: 0,
  weights: new Float64Array(0),
  range,
  scatter,
})

const chanceAt = (range: number, scatter: number, distance: number) =>
  doubtAt(recordOf(range, scatter), distance, 1).chance

test('is at most a half, half of that five ranges away, and half where the scatter is 0.03', () => {
  expect(chanceAt(1, 1e12, 1e12)).toBeCloseTo(0.5, 9)
  // A range counts 0.01 more than it is: 5 / (0.99 + 0.01)
  expect(chanceAt(0.99, 1e12, 5)).toBeCloseTo(0.25, 9)
  expect(chanceAt(1, 0.03, 1e12)).toBeCloseTo(0.25, 9)
  expect(chanceAt(0.99, 0.03, 5)).toBeCloseTo(0.125, 12)
  expect(chanceAt(0.99, 0.06, 12)).toBeCloseTo((0.5 * (12 / 17) * 2) / 3, 12)
})

test('of values that never varied counts their range as 0.01', () => {
  expect(chanceAt(0, 0.03, 0.05)).toBeCloseTo(0.125, 12)
})

test('is none where every need was as the law says', () => {
  expect(chanceAt(1, 0, 5)).toBe(0)
})

test('grows with the distance and with the scatter, and falls with the range', () => {
  expect(chanceAt(1, 0.1, 2)).toBeGreaterThan(chanceAt(1, 0.1, 1))
  expect(chanceAt(1, 0.2, 1)).toBeGreaterThan(chanceAt(1, 0.1, 1))
  expect(chanceAt(2, 0.1, 1)).toBeLessThan(chanceAt(1, 0.1, 1))
})

test('reaches from the largest need seen to e^2.5 times that, and up to e^8.5 where the values hardly varied', () => {
  const reachAt = (range: number, distance: number) => doubtAt(recordOf(range, 0.1), distance, Math.E).reach
  expect(doubtAt(recordOf(1, 0.1), 0.5, Math.E).from).toBe(1)
  expect(reachAt(1e12, 1)).toBeCloseTo(2.5, 9)
  // Twenty ranges away: half of what it may reach farther.
  expect(reachAt(0.09, 2)).toBeCloseTo(5.5, 9)
  expect(reachAt(0, 1e12)).toBeCloseTo(8.5, 9)
})

test('falls with the square of what is left of its reach', () => {
  const doubt = { chance: 0.4, from: 2, reach: 4 }
  const at = (logAmount: number) => probabilityAgainst(doubt, Math.exp(logAmount))
  expect([-5, 2, 3, 4, 5, 6, 9].map(at)).toEqual(
    [0.4, 0.4, 0.225, 0.1, 0.025, 0, 0].map((p) => expect.closeTo(p, 12)),
  )
})

test('the least amount beyond doubt is where it ends', () => {
  const doubt = { chance: 0.4, from: 2, reach: 4 }
  expect(amountBeyondDoubt(doubt) / Math.exp(6)).toBeCloseTo(1, 8)
  expect(probabilityAgainst(doubt, amountBeyondDoubt(doubt))).toBe(0)
  expect(probabilityAgainst(doubt, amountBeyondDoubt(doubt) * 0.9999)).toBeGreaterThan(0)
})
