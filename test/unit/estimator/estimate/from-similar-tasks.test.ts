import { expect, test } from 'vitest'
import { allocate } from '../../../../services/estimator/domain/allocation/allocate.ts'
import { failureCostFor } from '../../../../services/estimator/domain/allocation/failure-cost.ts'
import {
  amountCovering,
  type PredictedNeed,
} from '../../../../services/estimator/domain/distribution/coverage.ts'
import type { LearnedProfile } from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import {
  contextOf,
  type EstimateSettings,
  type Evidence,
} from '../../../../services/estimator/domain/estimate/context.ts'
import { fromSimilarTasks } from '../../../../services/estimator/domain/estimate/from-similar-tasks.ts'
import { summarise } from '../../../../shared/domain/cohort.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { cohortOf, execution, profileOf } from '../../../support/histories.ts'
import { defaultSettings, estimateOf, learned, openAccess, queryOf } from '../../../support/queries.ts'

const evidenceOf = (...groups: readonly Profile[]): Evidence => ({
  task: undefined,
  similar: groups.map((group) => learned(group)),
  isUnreachable: false,
})

test('what is predicted from similar tasks without requests lies around what they use', () => {
  const { dimensions } = estimateOf(queryOf(), evidenceOf(cohortOf('tool=x', [1e9, 1.1e9, 1.2e9])))
  const memory = dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  expect(memory?.source).toBe('cohort')
  expect(memory?.lower).toBeGreaterThan(5e8)
  expect(memory?.upper).toBeLessThan(2e9)
  expect(memory?.confidence).toBeLessThan(1)
})

test('of its request a task is given the share that similar tasks used of theirs, not more', () => {
  const used = [1, 2, 3].map((i) =>
    execution(`k-${i}`, { requested: { memoryBytes: 4e9 }, used: { memoryBytes: 2e9 } }),
  )
  const cohort = {
    ...cohortOf('tool=x', []),
    members: used.map((one, i) => summarise(`similar/${i}`, 1, [one])),
  }
  const query = queryOf({ requested: { memoryBytes: 4e9 } })
  const share = (estimateOf(query, evidenceOf(cohort)).resources.memoryBytes ?? 0) / 4e9
  expect(share).toBeGreaterThan(0.5)
  expect(share).toBeLessThan(0.6)
})

const contextWith = (
  query: Partial<EstimateQuery>,
  evidence: Evidence,
  settings: Partial<EstimateSettings> = {},
) =>
  contextOf(queryOf(query), evidence, {
    settings: { ...defaultSettings, ...settings },
    access: openAccess,
    workspace: createWorkspace(),
  })

const memoryFrom = (...args: Parameters<typeof contextWith>) =>
  fromSimilarTasks(contextWith(...args), 'memoryBytes')

const spread = [1e9, 1.5e9, 2e9, 3e9, 4e9, 6e9, 8e9, 12e9]

const namespaceOf = (uses: readonly number[]): Profile => ({
  ...cohortOf('', uses),
  key: { namespace: 'default', kind: 'namespace', task: '' },
})

test('gives nothing where the dimension was not requested and nothing is known of it', () => {
  expect(fromSimilarTasks(contextWith({}, evidenceOf()), 'gpuMemoryBytes')).toBeUndefined()
})

test('takes a request or a default over as it is, at every risk', () => {
  for (const risk of [0, 0.5, 1]) {
    const policy = { risk }
    expect(memoryFrom({ requested: { memoryBytes: 3e9 }, policy }, evidenceOf())).toMatchObject({
      amount: 3e9,
      leastAmount: 3e9,
      source: 'request',
      predictions: [],
    })
    expect(memoryFrom({ policy }, evidenceOf())).toMatchObject({
      amount: 4e9,
      leastAmount: 4e9,
      source: 'default',
    })
  }
})

test('allocates at a risk of at least 0.7 from a cohort, 0.8 from unrelated tasks: what is wrong is wrong for a burst at once', () => {
  for (const [group, least] of [
    [cohortOf('tool=x', spread), 0.7],
    [namespaceOf(spread), 0.8],
  ] as const) {
    const at = (risk: number) => memoryFrom({ policy: { risk } }, evidenceOf(group))
    expect(at(0)?.amount).toBe(at(least)?.amount)
    expect(at(0.5)).toMatchObject({ amount: at(least)?.amount, leastAmount: at(0)?.amount })
    expect(at(0.5)?.source).toBe(group.key.kind)
    expect(at(1)?.amount).toBeGreaterThan(at(least)?.amount ?? 0)
    const context = contextWith({ policy: { risk: least } }, evidenceOf(group))
    const need = at(least)?.need as PredictedNeed
    expect(at(0)?.amount).toBe(
      allocate(need, failureCostFor(), context.policy, 'memoryBytes', context.workspace.distribution),
    )
  }
})

test('a cohort lowers a request, but not one that shares no more than how the names begin', () => {
  const members = [1, 2, 3].map((i) =>
    summarise(`similar/${i}`, 1, [
      execution(`k-${i}`, { requested: { memoryBytes: 4e9 }, used: { memoryBytes: 2e8 } }),
    ]),
  )
  const given = (name: string) => {
    const query = { requested: { memoryBytes: 6.4e10 } }
    return memoryFrom(query, evidenceOf({ ...cohortOf(name, []), members }))?.amount
  }
  expect(given('name=run_lint')).toBeLessThan(6.4e10)
  expect(given('stem=run')).toBe(6.4e10)
})

test('a failure costs what it costs tasks that run as long as the similar ones do on average', () => {
  const running = (durationMs: number): Profile => ({
    ...cohortOf('tool=x', []),
    members: spread.map((memoryBytes, i) =>
      summarise(`similar/${i}`, 1, [
        execution(`d-${i}`, { requested: {}, used: { memoryBytes, durationMs: durationMs * (1 + (i % 2)) } }),
      ]),
    ),
  })
  const given = (durationMs: number) => memoryFrom({}, evidenceOf(running(durationMs)))
  const context = contextWith({ policy: { risk: 0.7 } }, evidenceOf())
  expect(given(60_000)?.amount).toBe(
    allocate(
      given(60_000)?.need as PredictedNeed,
      failureCostFor(90_000),
      context.policy,
      'memoryBytes',
      context.workspace.distribution,
    ),
  )
  expect(given(1000)?.amount).toBeGreaterThan(given(3_600_000)?.amount ?? 0)
  expect(given(0)?.amount).toBe(given(1)?.amount)
})

test('of unrelated tasks a target coverage is what is covered', () => {
  const policy = { targetCoverage: 0.6 }
  const found = memoryFrom({ policy }, evidenceOf(namespaceOf(spread)))
  expect(found?.amount).toBe(amountCovering(found?.need as PredictedNeed, 0.6))
})

test('says why the task’s own history does not answer', () => {
  const lacking = (task: LearnedProfile | undefined, minExecutions: number) => {
    const reason = memoryFrom({}, { ...evidenceOf(), task }, { minExecutions })?.reason
    return reason?.kind === 'without-own-history' ? reason.lacking : undefined
  }
  const task = learned(profileOf([execution('a'), execution('b')]))
  expect(lacking(undefined, 1)).toEqual({ kind: 'no-history' })
  expect(lacking(learned(profileOf([execution('f', { outcome: 'failed' })])), 1)).toEqual({
    kind: 'no-history',
  })
  expect(lacking(task, 3)).toEqual({ kind: 'few-executions', executions: 2, needed: 3 })
  expect(lacking(task, 2)).toEqual({ kind: 'strategies-abstain', executions: 2 })
})

/** Tasks that have each used `share` of their request, `executions` times. */
const usingOfRequest = (share: number, tasks: number, executions: number): Evidence =>
  evidenceOf({
    ...namespaceOf([]),
    members: Array.from({ length: tasks }, (_, i) =>
      summarise(
        `other/${i}`,
        1,
        Array.from({ length: executions }, (_, j) =>
          execution(`o-${j}`, {
            requested: { memoryBytes: 4e9, cpuCores: 4 },
            used: { memoryBytes: share * 4e9, cpuCores: share * 4 },
          }),
        ),
      ),
    ),
  })

test('tasks that need not have anything in common may raise a request, and never lower it', () => {
  for (const policy of [{ risk: 0 }, { risk: 0.5 }, { risk: 1 }, { targetCoverage: 0.5 }]) {
    const given = (share: number) =>
      estimateOf(
        queryOf({ requested: { memoryBytes: 2e9, cpuCores: 2 }, policy }),
        usingOfRequest(share, 3, 1),
      )
    const seldom = given(0.05)
    expect(seldom.source).toBe('namespace')
    expect(seldom.resources.memoryBytes).toBeGreaterThanOrEqual(2e9)
    expect(seldom.resources.cpuCores).toBeGreaterThanOrEqual(2)
    expect(seldom.confidence).toBeGreaterThan(0.85)
    expect(given(1.5).resources.memoryBytes).toBeGreaterThan(2.9e9)
  }
})

test('what not one of many tasks has ever needed of its request is left out', () => {
  const shareGiven = (...[share, tasks, executions]: Parameters<typeof usingOfRequest>) =>
    (estimateOf(queryOf({ requested: { memoryBytes: 2e9 } }), usingOfRequest(share, tasks, executions))
      .resources.memoryBytes ?? 0) / 2e9
  expect(shareGiven(0.2, 8, 7)).toBeCloseTo(0.23, 9)
  for (const few of [shareGiven(0.2, 7, 30), shareGiven(0.2, 8, 2)]) expect(few).toBeGreaterThanOrEqual(1)
  expect(shareGiven(1.3, 8, 7)).toBeGreaterThan(1.3)
})

test('a default is as sure as tasks need no more, whatever its amount; a request is surer', () => {
  const nothing = evidenceOf()
  const sure = (memoryBytes: number) =>
    estimateOf(queryOf(), nothing, { settings: { ...defaultSettings, defaults: { memoryBytes } } }).confidence
  expect(sure(1e8)).toBeLessThan(0.35)
  expect(sure(4e9)).toBeGreaterThan(0.7)
  expect(sure(4e9)).toBeLessThan(0.8)
  expect(sure(1e12)).toBeGreaterThan(0.97)
  const requested = (memoryBytes: number) =>
    estimateOf(queryOf({ requested: { memoryBytes } }), nothing).confidence
  expect(requested(1e8)).toBeCloseTo(requested(1e12), 9)
  expect(requested(4e9)).toBeGreaterThan(0.95)
})
