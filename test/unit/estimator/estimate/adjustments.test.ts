import { expect, test } from 'vitest'
import { failureCostFor } from '../../../../services/estimator/domain/allocation/failure-cost.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import { adjust } from '../../../../services/estimator/domain/estimate/adjustments.ts'
import { contextOf, type Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import type { Recommendation } from '../../../../services/estimator/domain/estimate/recommendation.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import { weighed } from '../../../support/distributions.ts'
import { cohortOf, execution, linearHistory, profileOf } from '../../../support/histories.ts'
import {
  defaultSettings,
  estimateOf,
  evidenceOfTask,
  learned,
  openAccess,
  queryOf,
} from '../../../support/queries.ts'

const memoryOf = (...args: Parameters<typeof estimateOf>) =>
  estimateOf(...args).dimensions.find(({ dimension }) => dimension === 'memoryBytes')

test('what other executions of the task were killed at raises an answer without history alike at every risk', () => {
  const cohort = learned(cohortOf('tool=x', [1e3, 1e6, 1e8, 1.45e9]))
  const killed = execution('killed', { outcome: 'out-of-memory', allocated: { memoryBytes: 1e9 }, used: {} })
  const evidence = { task: learned(profileOf([killed])), similar: [cohort], isUnreachable: false }
  const amounts = Array.from(
    { length: 21 },
    (_, i) => memoryOf(queryOf({ policy: { risk: i / 20 } }), evidence)?.allocation ?? 0,
  )
  expect(amounts).toEqual(amounts.toSorted((a, b) => a - b))
  expect(amounts[0]).toBeGreaterThan(1e9)
})

test.each([1e6, 1e8, 1e9])('so does an attempt killed at %d at every target coverage', (allocated) => {
  const cohort = learned(cohortOf('tool=x', [4e8, 7e8, 1e9, 1.45e9]))
  const killed = execution('killed', {
    outcome: 'out-of-memory',
    allocated: { memoryBytes: allocated },
    used: {},
  })
  const evidence = { task: learned(profileOf([killed])), similar: [cohort], isUnreachable: false }
  const amounts = Array.from(
    { length: 19 },
    (_, i) => memoryOf(queryOf({ policy: { targetCoverage: (i + 1) / 20 } }), evidence)?.allocation ?? 0,
  )
  expect(amounts).toEqual(amounts.toSorted((a, b) => a - b))
  expect(amounts[0]).toBeGreaterThan(allocated)
})

test('a retry goes above what failed, even where the query does not count its attempts', () => {
  const evidence = evidenceOfTask(learned(profileOf(linearHistory(10))))
  const retry = (attempt: number) =>
    estimateOf(
      queryOf({ attempt, previousOutcome: 'out-of-memory', previousAllocation: { memoryBytes: 5e9 } }),
      evidence,
    )
  expect(retry(1).resources.memoryBytes).toBeGreaterThan(5e9)
  expect(retry(1).resources).toEqual(retry(2).resources)
})

test('a retry reaches the target coverage too, where what failed was not beyond anything predicted', () => {
  const history = [1, 2].map((i) => execution(`r-${i}`, { used: { memoryBytes: 1e9 } }))
  const evidence = evidenceOfTask(learned(profileOf(history)))
  const memoryAfter = (failed: number) =>
    memoryOf(
      queryOf({
        attempt: 2,
        previousOutcome: 'out-of-memory',
        previousAllocation: { memoryBytes: failed },
        policy: { targetCoverage: 0.95 },
      }),
      evidence,
    )
  expect(memoryAfter(1.02e9)?.confidence).toBeGreaterThanOrEqual(0.95)
  expect(memoryAfter(1e11)?.allocation).toBeCloseTo(1.3e11, -3)
})

const billion = weighed([[Math.log(1e9), 1]])

const costWith = (largest: number) => ({ ...failureCostFor(), largest })

/** Of 1 GB, as if from the task's own history. */
const recommended = (more: Partial<Recommendation> = {}): Recommendation => ({
  need: { distribution: billion },
  amount: 1e9,
  source: 'profile',
  reason: { kind: 'own-history', executions: 1, strategy: 's', isChanging: false, exceeding: 0 },
  predictions: [],
  ...more,
})

const withoutHistory = (more: Partial<Recommendation> = {}) =>
  recommended({
    source: 'default',
    reason: { kind: 'without-own-history', lacking: { kind: 'no-history' }, basis: { kind: 'default' } },
    ...more,
  })

const noEvidence: Evidence = { task: undefined, similar: [], isUnreachable: false }

const adjusted = (
  recommendation: Recommendation,
  query: Partial<EstimateQuery> = {},
  evidence: Evidence = noEvidence,
) =>
  adjust(
    recommendation,
    contextOf(queryOf(query), evidence, {
      settings: defaultSettings,
      access: openAccess,
      workspace: createWorkspace(),
    }),
    'memoryBytes',
  )

const retryOf = (memoryBytes: number, more: Partial<EstimateQuery> = {}): Partial<EstimateQuery> => ({
  attempt: 2,
  previousOutcome: 'out-of-memory',
  previousAllocation: { memoryBytes },
  ...more,
})

/** A task with executions that succeeded, some that were killed, and some that run. */
function taskWith({
  used = [] as readonly number[],
  killed = [] as readonly number[],
  running = [] as readonly (number | undefined)[],
}): Evidence {
  const history = [
    ...used.map((memoryBytes, i) => execution(`u${i}`, { used: { memoryBytes } })),
    ...killed.map((memoryBytes, i) =>
      execution(`k${i}`, { outcome: 'out-of-memory', allocated: { memoryBytes }, used: {} }),
    ),
  ]
  const { features, labels, requested, allocated } = execution('r')
  const underWay = running.map((memoryBytes, i) => ({
    ...{ executionId: `r${i}`, attempt: 1, features, labels, requested, allocated },
    peak: memoryBytes === undefined ? {} : { memoryBytes },
  }))
  const profile = profileOf(history.length > 0 ? history : [execution('none', { used: {} })])
  return evidenceOfTask(learned({ ...profile, running: underWay }))
}

test('without anything to adjust an amount stays as it was recommended', () => {
  expect(adjusted(recommended())).toEqual({ amount: 1e9, source: 'profile', changes: [], clamps: [] })
  expect(adjusted(withoutHistory())).toEqual({ amount: 1e9, source: 'default', changes: [], clamps: [] })
})

test('a retry goes to the largest need seen or running, or 30 % above what failed, more at each attempt', () => {
  const retry = (failed: number, largest: number, evidence = noEvidence, attempt = 2) =>
    adjusted(recommended({ failureCost: costWith(largest) }), retryOf(failed, { attempt }), evidence)
  const after = 1.05 * 4e9
  expect(retry(2e9, 4e9)).toEqual({
    amount: after,
    source: 'escalation',
    changes: [{ kind: 'retry', dimension: 'memoryBytes', failed: 2e9, before: 1e9, after }],
    clamps: [],
  })
  expect(retry(2e9, 1e9, taskWith({ running: [undefined, 4e9, 3e9] })).amount).toBe(after)
  expect([2, 3, 4].map((attempt) => retry(2e9, 1e9, noEvidence, attempt).amount)).toEqual(
    [2.6e9, 3.2e9, 3.8e9].map((amount) => expect.closeTo(amount, 0)),
  )
  expect(adjusted(recommended(), retryOf(2e9)).amount).toBeCloseTo(2.6e9, 0)
})

test('beyond the range what more failed than was ever needed goes where the need may have grown', () => {
  const grown = weighed([
    [Math.log(1e9), 1],
    [Math.log(10e9), 1],
  ])
  const recommendation = (isBeyondRange: boolean, inProportion: number) =>
    recommended({ need: { distribution: grown }, failureCost: costWith(1e9), isBeyondRange, inProportion })
  const retry = (
    failed: number,
    { isBeyondRange = true, inProportion = 20e9, ...query }: Partial<EstimateQuery & Recommendation> = {},
  ) =>
    adjusted(recommendation(isBeyondRange, inProportion), retryOf(failed, query), taskWith({ used: [1e9] }))
      .amount
  expect(retry(1.5e9)).toBeCloseTo(10e9, 0)
  expect(retry(1.5e9, { inProportion: 5e9 })).toBeCloseTo(5.5e9, 0)
  expect(retry(1.5e9, { isBeyondRange: false })).toBeCloseTo(1.95e9, 0)
  expect(retry(0.9e9)).toBeCloseTo(1.05e9, 0)
  expect(retry(12e9)).toBeCloseTo(15.6e9, 0)
  expect(retry(1.5e9, { requested: { memoryBytes: 4e9 } })).toBe(4e9)
})

test('a retry that is recommended enough anyhow stays as it is', () => {
  expect(adjusted(recommended({ amount: 9e9 }), retryOf(2e9)).source).toBe('profile')
  expect(adjusted(recommended({ amount: 9e9 }), retryOf(2e9)).changes).toEqual([])
})

test('a retry reaches the target coverage given what failed', () => {
  const need = { distribution: billion, tail: { chance: 0.2, largest: 1e9, room: 1 } }
  const query = retryOf(1e9, { policy: { targetCoverage: 0.75 } })
  // Of the tail, all that is left, three quarters lie below 2 GB.
  expect(adjusted(recommended({ need }), query).amount / 2e9).toBeCloseTo(1, 8)
  expect(adjusted(recommended({ need }), retryOf(1e9)).amount).toBeCloseTo(1.3e9, 0)
})

test('without a history a retry goes to the request where that is above what failed, else to twice as much', () => {
  const retry = (memoryBytes: number | undefined, failed = 2e9) =>
    adjusted(
      withoutHistory(),
      retryOf(failed, { requested: memoryBytes === undefined ? {} : { memoryBytes } }),
    )
  expect(retry(3e9)).toMatchObject({ amount: 3e9, source: 'escalation' })
  expect(retry(2.2e9).amount).toBe(2.2e9)
  expect(retry(2.1e9).amount).toBe(4e9)
  expect(retry(undefined).amount).toBe(4e9)
})

test('without a history an amount at which others were killed is doubled, where it refutes the least', () => {
  const given = (recommendation: Recommendation, ...killed: readonly number[]) =>
    adjusted(recommendation, {}, taskWith({ killed }))
  expect(given(withoutHistory(), 3e9, 2e9)).toEqual({
    amount: 6e9,
    source: 'default',
    changes: [{ kind: 'others-killed', dimension: 'memoryBytes', failed: 3e9, before: 1e9, after: 6e9 }],
    clamps: [],
  })
  expect(given(withoutHistory(), 0.9e9).changes).toEqual([])
  expect(given(withoutHistory(), 1e9).amount).toBe(2e9)
  // What it would be at the lowest risk is refuted, but twice as much is given already.
  expect(given(withoutHistory({ leastAmount: 0.4e9 }), 0.4e9).changes).toEqual([])
  expect(given(withoutHistory({ leastAmount: 0.5e9 }), 0.6e9).amount).toBe(1.2e9)
  expect(given(recommended(), 3e9).changes).toEqual([])
})

test('a retry does not count what others were killed at, nor what runs', () => {
  const evidence = taskWith({ killed: [5e9], running: [7e9] })
  expect(adjusted(withoutHistory(), retryOf(1.5e9), evidence)).toMatchObject({
    amount: 3e9,
    changes: [{ kind: 'retry' }],
  })
})

test('without a history an amount is 5 % above what the largest running execution uses', () => {
  const given = (recommendation: Recommendation, ...running: readonly (number | undefined)[]) =>
    adjusted(recommendation, {}, taskWith({ running }))
  const after = 1.05 * 3e9
  expect(given(withoutHistory(), undefined, 3e9, 2e9)).toEqual({
    amount: after,
    source: 'default',
    changes: [{ kind: 'running-use-more', dimension: 'memoryBytes', before: 1e9, after }],
    clamps: [],
  })
  expect(given(withoutHistory(), 0.9e9).changes).toEqual([])
  expect(given(recommended(), 3e9).changes).toEqual([])
})

test('bounds come last and are recorded beside what raised the amount', () => {
  const policy = { max: { memoryBytes: 2e9 } }
  const clamp = { kind: 'policy-max', before: 6e9, after: 2e9 } as const
  expect(adjusted(withoutHistory(), { policy }, taskWith({ killed: [3e9] }))).toEqual({
    amount: 2e9,
    source: 'default',
    changes: [
      { kind: 'others-killed', dimension: 'memoryBytes', failed: 3e9, before: 1e9, after: 6e9 },
      { kind: 'clamped', dimension: 'memoryBytes', clamp },
    ],
    clamps: [clamp],
  })
})

test('an amount that is already what it would be raised to stays as it was recommended', () => {
  const unchanged = (amount: number, query: Partial<EstimateQuery>, evidence?: Evidence) =>
    adjusted(withoutHistory({ amount, leastAmount: 0.5e9 }), query, evidence)
  for (const { changes, source } of [
    unchanged(3e9, retryOf(2e9, { requested: { memoryBytes: 3e9 } })),
    unchanged(2e9, {}, taskWith({ killed: [1e9] })),
    unchanged(1.05 * 3e9, {}, taskWith({ running: [3e9] })),
  ]) {
    expect(changes).toEqual([])
    expect(source).toBe('default')
  }
})

test('a task of which nothing was learned in the dimension adds nothing', () => {
  const withoutMemory = taskWith({})
  const withoutModel = { ...withoutMemory, task: learned(cohortOf('tool=x', [1e9])) }
  for (const evidence of [withoutMemory, withoutModel]) {
    expect(adjusted(withoutHistory(), {}, evidence).changes).toEqual([])
    expect(adjusted(recommended(), retryOf(2e9), evidence).amount).toBeCloseTo(2.6e9, 0)
  }
})

test('a retry is not given less memory than the attempt before had, however that ended', () => {
  const had = (previousOutcome?: EstimateQuery['previousOutcome'], memoryBytes = 3e9) =>
    adjusted(recommended(), { attempt: 2, previousAllocation: { memoryBytes }, previousOutcome })
  for (const outcome of [undefined, 'lost', 'failed', 'evicted'] as const)
    expect(had(outcome)).toMatchObject({
      amount: 3e9,
      source: 'profile',
      changes: [{ kind: 'previous-had', dimension: 'memoryBytes', had: 3e9, before: 1e9, after: 3e9 }],
    })
  expect(had(undefined, 0.5e9).changes).toEqual([])
  expect(had('out-of-memory').amount).toBeGreaterThan(3e9)
})

test('a retry that does not tell how it ended goes above what killed attempts had that have not come back', () => {
  const evidence = taskWith({ used: [1e9], killed: [2e9, 3e9] })
  const retry = (query: Partial<EstimateQuery>) =>
    adjusted(recommended({ failureCost: costWith(1e9) }), query, evidence)
  const after = { amount: expect.closeTo(3.9e9, 0), source: 'escalation' }
  expect(retry({ attempt: 2 })).toMatchObject(after)
  expect(retry({ attempt: 2, previousOutcome: 'out-of-memory' })).toMatchObject(after)
  expect(retry({ attempt: 2, previousAllocation: { memoryBytes: 3e9 } })).toMatchObject(after)
  expect(retry({ attempt: 1 }).changes).toEqual([])
  expect(retry({ attempt: 2, previousOutcome: 'evicted' }).changes).toEqual([])
})

test('after one failure a retry within what was seen need not go to the largest need, after two it does', () => {
  const used = [1e9, 1e9, 1e9, 2e9, 2e9, 2e9, 2e9, 2e9, 2e9, 2e9, 2e9, 9e9]
  const seen = taskWith({ used })
  const need = { distribution: weighed([[Math.log(1e9), 1]]) }
  const retry = (attempt: number, more: Partial<Recommendation> = {}, evidence = seen) =>
    adjusted(recommended({ need, failureCost: costWith(9e9), ...more }), retryOf(1e9, { attempt }), evidence)
  expect(retry(2).amount).toBeCloseTo(1.03 * 2e9, 0)
  expect(retry(3).amount).toBe(1.05 * 9e9)
  expect(retry(2, { isBeyondRange: true }).amount).toBe(1.05 * 9e9)
  // Nor while killed attempts have not come back.
  expect(retry(2, {}, taskWith({ used, killed: [1e9] })).amount).toBe(1.05 * 9e9)
})

test('beyond the inputs seen a retry is at least the request', () => {
  const requested = { memoryBytes: 9e9 }
  const retry = (isBeyondRange: boolean) =>
    adjusted(recommended({ failureCost: costWith(1e9), isBeyondRange }), retryOf(2e9, { requested })).amount
  expect(retry(true)).toBe(9e9)
  expect(retry(false)).toBeCloseTo(2.6e9, 0)
})

test('a target coverage does not raise what is merely taken over', () => {
  const query = retryOf(4e9, { policy: { targetCoverage: 0.95 } })
  expect(estimateOf(queryOf(query), noEvidence).resources.memoryBytes).toBe(8e9)
})
