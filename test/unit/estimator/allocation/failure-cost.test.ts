import { expect, test } from 'vitest'
import {
  failureCostFor,
  failureCostOf,
} from '../../../../services/estimator/domain/allocation/failure-cost.ts'

const costAfter = (runtimeMs: number | undefined, largest?: number, exceeding?: readonly number[]) =>
  failureCostOf(
    { largest, runtimeSumMs: 3 * (runtimeMs ?? 0), runtimeCount: runtimeMs === undefined ? 0 : 3 },
    exceeding,
  )

test('a failure happens at the end of the run, and costs half a run and a restart of 45 s and 500 MB', () => {
  expect(costAfter(90_000, 1e9)).toEqual({
    timeToFailure: 1,
    patience: 0.5,
    restart: 0.5,
    restartAmount: 5e8,
    largest: 1e9,
  })
})

test('a restart is worth at most twenty runs, and none where run times are not known', () => {
  expect(costAfter(2250)?.restart).toBe(20)
  expect(costAfter(2251)?.restart).toBeLessThan(20)
  expect(costAfter(10)?.restart).toBe(20)
  expect(costAfter(undefined)?.restart).toBe(0)
})

test('a retry goes to the largest need seen, also of those that still run', () => {
  expect(costAfter(1000, 3, [2, 7, 5]).largest).toBe(7)
  expect(costAfter(1000, 9, [2, 7, 5]).largest).toBe(9)
  expect(costAfter(1000).largest).toBe(0)
})

test('a failure of a task that no need is known of costs the same, by how long such tasks run', () => {
  expect(failureCostFor(90_000)).toEqual({
    timeToFailure: 1,
    patience: 0.5,
    restart: 0.5,
    restartAmount: 5e8,
  })
  expect(failureCostFor().restart).toBe(0)
})
