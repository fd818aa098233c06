import { describe, expect, test } from 'vitest'
import { tailAfter, usualSpread } from '../../../../services/estimator/domain/distribution/tail.ts'
import type { LearnedProfile } from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import {
  contextOf,
  type Evidence,
  type StrategyAccess,
} from '../../../../services/estimator/domain/estimate/context.ts'
import { fromOwnHistory } from '../../../../services/estimator/domain/estimate/from-own-history.ts'
import type { Registry } from '../../../../services/estimator/domain/strategies/strategy.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { execution, linearHistory, profileOf } from '../../../support/histories.ts'
import { always } from '../../../support/models.ts'
import {
  confidenceOf,
  defaultSettings,
  estimateOf,
  evidenceOfTask,
  learned,
  openAccess,
  queryOf,
} from '../../../support/queries.ts'

const evidenceOf = (history: readonly ExecutionRecord[]) => evidenceOfTask(learned(profileOf(history)))

const memoryOf = (...args: Parameters<typeof estimateOf>) =>
  estimateOf(...args).dimensions.find(({ dimension }) => dimension === 'memoryBytes')

test('a killed attempt does not lower what is expected, and is no observation of a need', () => {
  const history = linearHistory(30)
  const killed = execution('killed', {
    features: { input_bytes: 20e6 },
    allocated: { memoryBytes: 60e6 },
    used: { memoryBytes: 59e6, durationMs: 500 },
    outcome: 'out-of-memory',
  })
  const query = queryOf({ features: { input_bytes: 20e6 } })
  const expected = (executions: readonly ExecutionRecord[]) =>
    memoryOf(query, evidenceOf(executions))?.expected

  expect(expected([...history, killed])).toBeGreaterThanOrEqual(expected(history) ?? 0)
})

test('a run time of zero counts as a millisecond: a failure costs the same', () => {
  const memory = (durationMs: number, count: number) => {
    const history = Array.from({ length: count }, (_, i) =>
      execution(`quick-${i}`, { used: { memoryBytes: 1e9, durationMs } }),
    )
    return memoryOf(queryOf(), evidenceOf(history))
  }
  for (const count of [1, 2, 20]) expect(memory(0, count)).toEqual(memory(1, count))
})

test('where no strategy is to be followed all that predict are: there is nothing else to go by', () => {
  const evidence = evidenceOf(linearHistory(30))
  const query = queryOf({ features: { input_bytes: 20e6 } })
  const access = { ...openAccess, unfollowed: () => 'its breaker is open' }
  const unfollowed = estimateOf(query, evidence, { access })
  const followed = estimateOf(query, evidence)
  expect(unfollowed.resources).toEqual(followed.resources)
  expect(unfollowed.confidence).toBe(followed.confidence)
})

test('what running executions use already counts where it is above what was predicted', () => {
  const history = Array.from({ length: 30 }, (_, i) =>
    execution(`e${i}`, { used: { memoryBytes: 1e9 * (1 + 0.01 * (i % 5)), durationMs: 60_000 } }),
  )
  const { features, labels, requested, allocated } = execution('r', {})
  const running = (peaks: readonly number[]): Evidence => {
    const running = peaks.map((memoryBytes, i) => ({
      ...{ executionId: `r${i}`, attempt: 1, features, labels, requested, allocated },
      peak: { memoryBytes },
    }))
    return evidenceOfTask(learned({ ...profileOf(history), running }))
  }
  const query = queryOf()
  const usual = estimateOf(query, running([]))
  const confidenceInUsual = (evidence: Evidence) => confidenceOf(query, usual.resources, evidence).confidence

  expect(estimateOf(query, running([1e9, 5e8, 9e8])).resources).toEqual(usual.resources)
  const few = running([4.4e9, 4e9])
  expect(confidenceInUsual(few)).toBeLessThan(confidenceInUsual(running([])))
  expect(estimateOf(query, few).reason).toContain('2 running executions use more')
  const retry = { attempt: 2, previousAllocation: usual.resources, previousOutcome: 'out-of-memory' as const }
  expect(estimateOf({ ...query, ...retry }, few).resources.memoryBytes).toBeCloseTo(1.05 * 4.4e9, 0)
  const many = running(Array.from({ length: 16 }, () => 4e9))
  expect(estimateOf(query, many).resources.memoryBytes).toBeGreaterThan(4e9)
})

test('the tail beyond what was seen is covered where running again costs more than the memory: by short tasks, and less the more was seen', () => {
  const factor = (count: number, durationMs: number) => {
    const history = Array.from({ length: count }, (_, i) =>
      execution(`u-${i}`, { used: { memoryBytes: 200e6, durationMs } }),
    )
    return (estimateOf(queryOf(), evidenceOf(history)).resources.memoryBytes ?? 0) / 200e6
  }
  expect(factor(1, 1000)).toBeGreaterThan(1.7)
  expect(factor(1, 1000)).toBeLessThanOrEqual(Math.exp(0.6) * (1 + 1e-9))
  expect(factor(30, 1000)).toBeGreaterThan(1.1)
  expect(factor(1, 36_000_000)).toBeLessThan(1.3)
  expect(factor(30, 1000)).toBeLessThan(factor(1, 1000))
})

test('the tail starts from what the input needs: a small one is not given what only a large one needs', () => {
  const bySize = [1e7, 1e8, 3e8, 1e9].map((input_bytes, i) =>
    execution(`s-${i}`, {
      features: { input_bytes },
      used: { memoryBytes: 2 * input_bytes, durationMs: 100 + input_bytes / 5e5 },
    }),
  )
  for (const risk of [0, 0.5, 1]) {
    const query = queryOf({ features: { input_bytes: 1e7 }, policy: { risk } })
    expect(estimateOf(query, evidenceOf(bySize)).resources.memoryBytes).toBeLessThan(1e8)
  }
})

/** A profile of memory alone, with strategies of its own. */
const recommendationOf = (
  uses: readonly number[],
  registry: Registry,
  {
    query = {},
    access = openAccess,
    minExecutions = 1,
    task = {},
  }: {
    readonly query?: Partial<EstimateQuery>
    readonly access?: StrategyAccess
    readonly minExecutions?: number
    readonly task?: Partial<LearnedProfile>
  } = {},
) => {
  const history = uses.map((memoryBytes, i) => execution(`e${i}`, { used: { memoryBytes } }))
  const evidence = evidenceOfTask({ ...learned(profileOf(history), registry), ...task })
  const settings = { ...defaultSettings, registry, minExecutions }
  const context = contextOf(queryOf(query), evidence, { settings, access, workspace: createWorkspace() })
  return fromOwnHistory(context, 'memoryBytes')
}

const registry = { near: always(1e9), far: always(5e9), silent: always(undefined) }

test('follows the strategy that has predicted best, and lists what each predicts', () => {
  const found = recommendationOf([1e9, 1.01e9, 1e9, 1.02e9], registry)
  expect(found).toMatchObject({
    source: 'profile',
    strategy: 'near',
    reason: { kind: 'own-history', executions: 4, strategy: 'near', exceeding: 0 },
  })
  expect(found?.predictions).toEqual([
    { strategy: 'near', value: 1e9, weight: expect.closeTo(1, 9), reason: undefined },
    { strategy: 'far', value: 5e9, weight: 0, reason: undefined },
    { strategy: 'silent', weight: 0, reason: 'abstains' },
  ])
  const reversed = recommendationOf([1e9, 1.01e9, 1e9, 1.02e9], { far: always(5e9), near: always(1e9) })
  expect(reversed?.strategy).toBe('near')
})

test('says of a strategy that failed why', () => {
  const access = { ...openAccess, faults: new Map([['silent', 'answered NaN']]) }
  expect(recommendationOf([1e9], registry, { access })?.predictions[2]).toEqual({
    strategy: 'silent',
    weight: 0,
    reason: 'answered NaN',
  })
})

test('does not answer before there are as many executions as are trusted, or where all abstain', () => {
  expect(recommendationOf([1e9, 1e9], registry, { minExecutions: 2 })).toBeDefined()
  expect(recommendationOf([1e9, 1e9], registry, { minExecutions: 3 })).toBeUndefined()
  expect(recommendationOf([1e9], { silent: always(undefined) })).toBeUndefined()
  expect(recommendationOf([1e9], registry, { task: { model: undefined } })).toBeUndefined()
})

test('a strategy with a poor record, or an open breaker, is not followed and says why', () => {
  const poor = { poor: [{ strategy: 'near', dimension: 'memoryBytes' as const }] }
  const byRecord = recommendationOf([1e9, 1e9], registry, { task: poor })
  expect(byRecord?.strategy).toBe('far')
  expect(byRecord?.predictions[0]).toMatchObject({
    weight: 0,
    value: 1e9,
    reason: 'not followed: its record is poor',
  })
  const elsewhere = { poor: [{ strategy: 'near', dimension: 'diskBytes' as const }] }
  expect(recommendationOf([1e9, 1e9], registry, { task: elsewhere })?.strategy).toBe('near')
  const access = {
    ...openAccess,
    unfollowed: (strategy: string) => (strategy === 'near' ? 'its breaker is open' : undefined),
  }
  const byBreaker = recommendationOf([1e9, 1e9], registry, { access })
  expect(byBreaker?.strategy).toBe('far')
  expect(byBreaker?.predictions[0]?.reason).toBe('not followed: its breaker is open')
  expect(byBreaker?.predictions[1]?.reason).toBeUndefined()
})

test('a strategy that is asked for by name is followed whatever its record, and no other is listed', () => {
  const found = recommendationOf([1e9, 1e9], registry, {
    query: { policy: { strategies: ['far'] } },
    task: { poor: [{ strategy: 'far', dimension: 'memoryBytes' }] },
    access: { ...openAccess, unfollowed: () => 'its breaker is open' },
  })
  expect(found?.strategy).toBe('far')
  expect(found?.predictions).toEqual([
    { strategy: 'far', value: 5e9, weight: expect.closeTo(1, 9), reason: undefined },
  ])
})

test('one of several that are asked for by name is followed whatever its record', () => {
  const found = recommendationOf([1e9, 1e9], registry, {
    query: { policy: { strategies: ['near', 'far'] } },
    task: { poor: [{ strategy: 'near', dimension: 'memoryBytes' }] },
  })
  expect(found?.strategy).toBe('near')
})

test('where all are followed for want of others none is said not to be', () => {
  const access = { ...openAccess, unfollowed: () => 'its breaker is open' }
  const found = recommendationOf([1e9, 1e9], { near: always(1e9) }, { access })
  expect(found?.predictions).toEqual([
    { strategy: 'near', value: 1e9, weight: expect.closeTo(1, 9), reason: undefined },
  ])
})

test('of strategies of the same weight the first one is named', () => {
  expect(recommendationOf([1e9, 1e9], { a: always(1e9), b: always(1e9) })?.strategy).toBe('a')
})

test('says that needs are changing where a law that all executions follow no longer holds', () => {
  const changing = (uses: readonly number[]) => {
    const reason = recommendationOf(uses, { near: { ...always(1e9), countsAllAlike: true } })?.reason
    return reason?.kind === 'own-history' && reason.isChanging
  }
  const steady = Array.from({ length: 60 }, (_, i) => 1e9 * (1 + 0.01 * (i % 7)))
  expect(changing(steady)).toBe(false)
  expect(changing([...steady, ...steady.slice(0, 25).map((bytes) => 8 * bytes)])).toBe(true)
})

test('what was seen bounds the tail: after n executions, from the largest', () => {
  expect(recommendationOf([1e9, 3e9, 2e9], registry)?.need.tail).toEqual(
    tailAfter(3, 3e9, false, (3 * usualSpread + Math.log(1.5)) / 4),
  )
})

test('of CPU what runs says nothing, since a mean so far is no lower bound', () => {
  const history = [1, 2, 3].map((i) => execution(`e${i}`))
  const { features, labels, requested, allocated } = execution('r')
  const running = [
    {
      ...{ executionId: 'r', attempt: 1, features, labels, requested, allocated },
      peak: { cpuCores: 90, memoryBytes: 90e9 },
    },
  ]
  const answer = (profile: Profile) => estimateOf(queryOf(), evidenceOfTask(learned(profile))).resources
  const [alone, beside] = [profileOf(history), { ...profileOf(history), running }].map(answer)
  expect(beside?.cpuCores).toBe(alone?.cpuCores)
  const reason = estimateOf(queryOf(), evidenceOfTask(learned({ ...profileOf(history), running }))).reason
  expect(reason).toContain('1 running execution uses more')
})

describe('a request that no task of the namespace has needed all of', () => {
  const history = linearHistory(30)
  /** Twice the largest input, which needs 650 MB; the largest need seen is 350 MB. */
  const beyond = queryOf({ features: { input_bytes: 60e6 }, requested: { memoryBytes: 1e9 } })
  const knowing = (ratio: number | undefined, executions = history, tasks = 8) => ({
    ...evidenceOf(executions),
    requestRatios: { memoryBytes: ratio === undefined ? undefined : { largest: ratio, tasks } },
  })
  const given = (ratio: number | undefined, executions = history) =>
    memoryOf(beyond, knowing(ratio, executions))?.allocation ?? 0
  const sure = (ratio: number | undefined, tasks = 8) =>
    confidenceOf(beyond, { memoryBytes: 5e8 }, knowing(ratio, history, tasks)).confidence

  test('is a ceiling: nothing is predicted above that share of it', () => {
    expect(given(undefined)).toBeGreaterThan(5e8)
    expect(given(0.5)).toBeLessThanOrEqual(5e8 * (1 + 1e-9))
  })

  test('is believed in as far as this task is like those before: of n, the next needs most with 1 / (n + 1)', () => {
    expect(sure(undefined)).toBeLessThan(0.1)
    expect(sure(0.5, 8)).toBeGreaterThan(0.8)
    expect(sure(0.5, 8)).toBeLessThan(8 / 9 + 0.02)
    expect(sure(0.5, 200)).toBeGreaterThan(0.97)
  })

  test('is none for a retry that failed there', () => {
    const retry = { ...beyond, attempt: 2, previousAllocation: { memoryBytes: 5.5e8 } } as const
    const failed = { ...retry, previousOutcome: 'out-of-memory' } as const
    const odds = (ratio: number | undefined) =>
      confidenceOf(failed, { memoryBytes: 1e9 }, knowing(ratio)).confidence
    expect(odds(0.5)).toBe(odds(undefined))
    expect(odds(0.5)).toBeGreaterThan(0.9)
  })

  test('is one that the task itself has reached, since a limit is as much as can be seen', () => {
    expect(given(0.35)).toBeCloseTo(3.5e8, -1)
  })

  test('is none where the task itself has needed more, or was killed there', () => {
    expect(given(0.349)).toBe(given(undefined))
    const killed = execution('killed', {
      allocated: { memoryBytes: 5.2e8 },
      used: { memoryBytes: 5.2e8 },
      outcome: 'out-of-memory',
    })
    const after = [...history, killed]
    expect(given(0.5, after)).toBe(given(undefined, after))
  })
})
