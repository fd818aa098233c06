import { expect, test } from 'vitest'
import { expectedCost } from '../../../../services/estimator/domain/allocation/expected-cost.ts'
import type { FailureCost } from '../../../../services/estimator/domain/allocation/failure-cost.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import { weighed } from '../../../support/distributions.ts'

/** Needs of 1 and 2, one as often as the other. */
const oneOrTwo = weighed([
  [0, 1],
  [Math.LN2, 1],
])

const free: FailureCost = { timeToFailure: 1, patience: 0, restart: 0, restartAmount: 0, largest: 2 }

const costsOf = (cost: Partial<FailureCost>, failureFactor = 1, need = oneOrTwo) => {
  const { at, failure } = expectedCost(need, { ...free, ...cost }, failureFactor, distributionWorkspace())
  return { costs: Array.from({ length: need.size }, (_, i) => Number(at(i).toFixed(9))), failure }
}

test('what suffices costs itself; what fails costs itself and the retry, just above the largest need', () => {
  // 1 + 0.5 · 2.1
  expect(costsOf({}).costs).toEqual([2.05, 2])
})

test('a failure that comes early loses less', () => {
  // 1 · (0.5 + 0.5 · 0.25) + 0.5 · 2.1
  expect(costsOf({ timeToFailure: 0.25 }).costs).toEqual([1.675, 2])
})

test('a failure is charged patience in runs of the mean need, and restarts of that or of more', () => {
  const patient = costsOf({ patience: 0.5 })
  expect(patient.failure).toBeCloseTo(0.75, 12)
  expect(patient.costs).toEqual([2.05 + 0.5 * 0.75, 2])
  expect(costsOf({ restart: 3, restartAmount: 1 }).failure).toBeCloseTo(4.5, 12)
  expect(costsOf({ restart: 3, restartAmount: 10 }).failure).toBeCloseTo(30, 12)
  expect(costsOf({ patience: 1, restart: 3, restartAmount: 10 }, 2).costs[0]).toBeCloseTo(
    2.05 + 0.5 * 2 * 31.5,
    9,
  )
})

test('a retry that fails too is followed by a third attempt at twice that', () => {
  // A retry from 1 goes to 1.3, which half of all exceed.
  expect(costsOf({ largest: undefined }).costs).toEqual([1 + 0.5 * 1.3 + 2 * 1.3 * 0.5, 2])
  // Given the largest need seen or more, the retry goes 30 % above what was given.
  expect(costsOf({ largest: 1 }).costs).toEqual([1 + 0.5 * 1.3 + 2 * 1.3 * 0.5, 2])
  // The largest need seen is 1.5; half of all exceed 1.575 too.
  expect(costsOf({ largest: 1.5 }).costs).toEqual([1 + 0.5 * 1.575 + 2 * 1.575 * 0.5, 2])
})

test('what is lost goes by run time, what is charged by how often', () => {
  const long = weighed([
    [0, 1, 1],
    [Math.LN2, 1, 3],
  ])
  // Three quarters of the time fail, half of the executions do.
  expect(costsOf({ patience: 2 }, 1, long).costs).toEqual([1 + 0.75 * 2.1 + 0.5 * 3, 2])
})

test('where all needs exceed a retry to the largest seen, all of it fails again', () => {
  const large = weighed([
    [Math.log(10), 1],
    [Math.log(20), 1],
  ])
  // Given 10, above the largest of 2, the retry at 13 fails for the half that needs 20.
  expect(costsOf({ largest: 2 }, 1, large).costs[0]).toBeCloseTo(10 + 0.5 * 13 + 2 * 13 * 0.5, 9)
  // Given 10, below the largest of 15, the retry at 15.75 fails for them too.
  expect(costsOf({ largest: 15 }, 1, large).costs[0]).toBeCloseTo(10 + 0.5 * 15.75 + 2 * 15.75 * 0.5, 9)
})

test('a workspace that was used before changes nothing', () => {
  const workspace = distributionWorkspace()
  for (const count of [2, 30, 3]) {
    const need = weighed(Array.from({ length: count }, (_, i) => [0.1 * i, 1]))
    const again = expectedCost(need, free, 1, workspace)
    const fresh = expectedCost(need, free, 1, distributionWorkspace())
    for (let i = 0; i < count; i++) expect(again.at(i)).toBe(fresh.at(i))
    expect(again.failure).toBe(fresh.failure)
  }
})
