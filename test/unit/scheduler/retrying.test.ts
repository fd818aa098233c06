import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EstimateAnswer } from '../../../services/scheduler/answer.ts'
import type { LearningConfig } from '../../../services/scheduler/domain/learning-config.ts'
import { addSavings, noSavings } from '../../../services/scheduler/domain/savings.ts'
import { createLearningScheduler } from '../../../services/scheduler/learning-scheduler.ts'
import type { SchedulableTask, SizedTask } from '../../../services/scheduler/resource-aware-scheduler.ts'
import { createRetryingScheduler } from '../../../services/scheduler/retrying-scheduler.ts'
import type { Outcome } from '../../../shared/domain/execution.ts'
import type { Resources } from '../../../shared/domain/resources.ts'

const gone: EstimateAnswer = { kind: 'unavailable', reason: 'gone' }
const client = {
  cached: () => undefined,
  estimate: async () => gone,
  health: () => ({ state: 'UNAVAILABLE' as const, reasons: [] }),
}

interface Attempt {
  readonly outcome: Outcome
  readonly allocated: Resources
  readonly executionId: string
  readonly attempt: number
}

/** A cluster on which a task that is given less than it needs runs out. */
function schedulerFor(
  need: Resources,
  config: Partial<LearningConfig> = {},
  endings: readonly Outcome[] = [],
) {
  const attempts: Attempt[] = []
  const inner = {
    async schedule({ allocated, task }: SizedTask): Promise<Attempt> {
      const outcome =
        endings[attempts.length] ??
        ((allocated.memoryBytes ?? 0) < (need.memoryBytes ?? 0)
          ? 'out-of-memory'
          : (allocated.durationMs ?? 0) < (need.durationMs ?? 0)
            ? 'timed-out'
            : 'succeeded')
      const attempt = { outcome, allocated, executionId: task.executionId, attempt: task.attempt ?? 1 }
      attempts.push(attempt)
      return attempt
    },
  }
  const retrying = createRetryingScheduler(createLearningScheduler(inner, client, config), {
    endOf: (end) => end,
  })
  return { retrying, attempts }
}

const task = (requested: Resources, explicit: Resources = {}): SchedulableTask => ({
  task: { namespace: 'default', task: 't' },
  executionId: 'e',
  requested,
  explicit,
})

test('only what ran out is raised, attempt by attempt, until it suffices', async () => {
  const { retrying, attempts } = schedulerFor({ memoryBytes: 350, durationMs: 50 })
  const last = await retrying.schedule(task({ memoryBytes: 100, durationMs: 60 }))
  expect(last.outcome).toBe('succeeded')
  expect(attempts).toEqual([
    {
      outcome: 'out-of-memory',
      allocated: { memoryBytes: 100, durationMs: 60 },
      executionId: 'e',
      attempt: 1,
    },
    {
      outcome: 'out-of-memory',
      allocated: { memoryBytes: 200, durationMs: 60 },
      executionId: 'e/2',
      attempt: 2,
    },
    { outcome: 'succeeded', allocated: { memoryBytes: 400, durationMs: 60 }, executionId: 'e/3', attempt: 3 },
  ])
})

test('time is raised for a time-out, nothing for an eviction', async () => {
  const late = schedulerFor({ durationMs: 150 })
  expect(await late.retrying.schedule(task({ memoryBytes: 5, durationMs: 100 }))).toMatchObject({
    allocated: { memoryBytes: 5, durationMs: 200 },
  })
  const evicted = schedulerFor({}, {}, ['evicted', 'lost'])
  await evicted.retrying.schedule(task({ memoryBytes: 5 }))
  expect(evicted.attempts.map(({ allocated }) => allocated)).toEqual(Array(3).fill({ memoryBytes: 5 }))
})

test.each<[string, Partial<LearningConfig>, Resources, number]>([
  ['its owner has fixed what ran out', {}, { memoryBytes: 100 }, 1],
  ['a maximum holds it', { max: { memoryBytes: 150 } }, {}, 3],
  ['it has had its attempts', {}, {}, 4],
])('it gives up where %s', async (_, config, explicit, count) => {
  const { retrying, attempts } = schedulerFor({ memoryBytes: 1e9 }, config, [])
  expect((await retrying.schedule(task({ memoryBytes: 100 }, explicit))).outcome).toBe('out-of-memory')
  expect(attempts).toHaveLength(count)
})

test.each(['failed', 'cancelled', 'succeeded'] as const)(
  'one that %s is not tried again',
  async (outcome) => {
    const { retrying, attempts } = schedulerFor({}, {}, [outcome])
    await retrying.schedule(task({ memoryBytes: 1 }))
    expect(attempts).toHaveLength(1)
  },
)

test('what a later attempt is given never falls below the one before, whatever runs out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1e6), fc.nat(1e6), async (memoryBytes, durationMs) => {
      const { retrying, attempts } = schedulerFor({ memoryBytes, durationMs })
      await retrying.schedule(task({ memoryBytes: 1000, durationMs: 1000 }))
      for (const [i, { allocated }] of attempts.entries()) {
        const before = attempts[i - 1]
        const ranOut = before?.outcome === 'out-of-memory' ? 'memoryBytes' : 'durationMs'
        if (before !== undefined) expect(allocated[ranOut]).toBeGreaterThan(before.allocated[ranOut] ?? 0)
      }
    }),
  )
})

test('in shadow the request is given, and the report says what foresize would have been worth', async () => {
  const answer = {
    kind: 'estimate',
    ageMs: 0,
    estimate: {
      resources: { memoryBytes: 100 },
      confidence: 0.9,
      source: 'profile',
      reason: '',
      executions: 50,
      estimateToken: new Uint8Array([1]),
    },
  } as unknown as EstimateAnswer
  const inner = { schedule: async (sized: SizedTask) => sized }
  const learning = createLearningScheduler(
    inner,
    { ...client, cached: () => answer as never },
    { mode: 'shadow' },
  )
  for (const [i, used] of [80, 120].entries()) {
    const each = { ...task({ memoryBytes: 1000 }), executionId: `e${i}` }
    const sized = await learning.schedule(each)
    expect(sized.allocated.memoryBytes).toBe(1000)
    expect(sized.decision.advice).toBeUndefined()
    expect(sized.estimateToken.length).toBe(1)
    learning.observe(each, { memoryBytes: used, durationMs: 10 })
  }
  learning.observe(task({}), { memoryBytes: 1, durationMs: 1 })
  expect(learning.report()).toEqual([
    {
      task: { namespace: 'default', task: 't' },
      savings: {
        executions: 2,
        advised: 2,
        usedByteMs: 2000,
        givenByteMs: 20_000,
        advisedByteMs: 12_000,
        overruns: 0,
        advisedOverruns: 1,
      },
    },
  ])
  expect(learning.decisions().shadow).toBe(2)
})

test('an execution without a peak or a run time says nothing of savings', () => {
  expect(
    addSavings(noSavings, { given: { memoryBytes: 5 }, advised: undefined, used: { durationMs: 5 } }),
  ).toBe(noSavings)
})
