import { expect, test } from 'vitest'
import { allocate } from '../../../../services/estimator/domain/allocation/allocate.ts'
import {
  type FailureCost,
  failureCostFor,
} from '../../../../services/estimator/domain/allocation/failure-cost.ts'
import { newsvendor } from '../../../../services/estimator/domain/allocation/newsvendor.ts'
import { balanced } from '../../../../services/estimator/domain/allocation/risk-profile.ts'
import { addTransform, calibration } from '../../../../services/estimator/domain/distribution/calibration.ts'
import type { PredictedNeed } from '../../../../services/estimator/domain/distribution/coverage.ts'
import { quantile } from '../../../../services/estimator/domain/distribution/distribution.ts'
import { withTail } from '../../../../services/estimator/domain/distribution/tail.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { weighed } from '../../../support/distributions.ts'

/** Needs of 1 to 100, each as often as the others. */
const hundred = weighed(Array.from({ length: 100 }, (_, i) => [Math.log(i + 1), 1]))
const tail = { chance: 0.1, largest: 100, room: 0.5 }
const failureCost: FailureCost = {
  timeToFailure: 1,
  patience: 0.5,
  restart: 1,
  restartAmount: 0,
  largest: 100,
}

const amount = (
  need: PredictedNeed,
  policy: Partial<Policy>,
  dimension: Dimension,
  cost: FailureCost = failureCost,
) =>
  allocate(
    need,
    cost,
    { risk: 0.5, targetCoverage: undefined, strategies: [], min: {}, max: {}, ...policy },
    dimension,
    distributionWorkspace(),
  )

const rounded = (value: number) => Number(value.toFixed(6))

test('a target coverage is reached with the least amount, in every dimension', () => {
  for (const dimension of ['memoryBytes', 'cpuCores', 'durationMs'] as const)
    expect(rounded(amount({ distribution: hundred }, { targetCoverage: 0.9 }, dimension))).toBe(90)
})

test('where a shortfall throttles it is a quantile: three quarters when balanced', () => {
  const cores = (risk: number) => rounded(amount({ distribution: hundred, tail }, { risk }, 'cpuCores'))
  expect([0, 0.5, 1].map(cores)).toEqual([50, 75, 99])
})

test('of the duration it is the median when balanced, and never the very least', () => {
  const duration = (risk: number) => rounded(amount({ distribution: hundred, tail }, { risk }, 'durationMs'))
  expect([0, 0.5, 1].map(duration)).toEqual([2, 50, 98])
})

test('where a shortfall kills it is the newsvendor’s between the least coverage and what seldom fails', () => {
  const given = amount({ distribution: hundred }, {}, 'memoryBytes')
  const within = { from: quantile(hundred, 0.3), to: quantile(hundred, 0.96) }
  expect(given).toBe(newsvendor(hundred, failureCost, balanced, within, distributionWorkspace()))
  expect(given).toBeGreaterThan(quantile(hundred, 0.3))
})

test('what seldom fails is what does so by the calibration', () => {
  const spread = weighed(Array.from({ length: 100 }, (_, i) => [0.02 * i, 1]))
  const cost = { ...failureCost, restart: 0, largest: Math.exp(0.02 * 99) }
  const record = calibration()
  // Weights of 0.97⁵⁹ to 1, 27.98 in all, at 0.3: 0.96 · 37.98 less these is 8.48 of 10.
  for (let i = 0; i < 60; i++) addTransform(record, 0.3)
  expect(amount({ distribution: spread }, {}, 'memoryBytes', cost)).toBe(quantile(spread, 0.96))
  expect(amount({ distribution: spread, calibration: record }, {}, 'memoryBytes', cost)).toBe(
    quantile(spread, 0.848),
  )
})

test('a task’s own tail is priced, that of similar tasks is not', () => {
  const one = weighed([[Math.log(100), 1]])
  const dear = { ...failureCost, patience: 5, restart: 20, restartAmount: 1000 }
  const own = amount({ distribution: one, tail }, {}, 'memoryBytes', dear)
  const within = { from: quantile(one, 0.3), to: quantile(one, 0.96) }
  const workspace = distributionWorkspace()
  expect(own).toBe(newsvendor(withTail(one, tail, workspace), dear, balanced, within, workspace))
  expect(own).toBeGreaterThan(100.1)
  const similar = { ...dear, largest: undefined }
  expect(rounded(amount({ distribution: one, tail }, {}, 'memoryBytes', similar))).toBe(100)
  expect(rounded(amount({ distribution: one }, {}, 'memoryBytes', failureCostFor()))).toBe(100)
})
