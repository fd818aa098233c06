import { status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { call, statusOf } from '../../shared/rpc/client.ts'
import { type Estimate, EstimateSource } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture, wireQuery } from '../support/estimator-fixture.ts'
import { cohortOf, execution, linearHistory, profileOf } from '../support/histories.ts'
import { profileFeed } from '../support/profile-feed.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function feed(listen?: string) {
  const server = await profileFeed(listen)
  closing.push(server.close)
  return server
}

async function estimator(...given: Parameters<typeof estimatorFixture>) {
  const service = await estimatorFixture(...given)
  closing.push(service.close)
  return service
}

const fromProfile = ({ source }: Estimate) => source === EstimateSource.ESTIMATE_SOURCE_PROFILE
const history = linearHistory(30)

test('answers from the profile, by the feature that tells the need', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { estimateUntil, estimate } = await estimator({ profiler: profiler.address })

  const answer = await estimateUntil(fromProfile, { features: { input_bytes: 20e6 } })
  const smaller = await estimate({ features: { input_bytes: 5e6 } })

  expect(answer.resources?.memoryBytes).toBeGreaterThanOrEqual(250e6)
  expect(answer.resources?.memoryBytes).toBeLessThan(350e6)
  expect(smaller.resources?.memoryBytes).toBeLessThan(150e6)
  expect(answer.executions).toBe(30)
  expect(answer.profileRevision).toBe(30)
  expect(answer.estimateToken.length).toBeGreaterThan(0)
})

test('a task without a profile is answered from the request, then from the default, and says so', async () => {
  const profiler = await feed()
  const { estimateUntil, estimate } = await estimator({ profiler: profiler.address, defaultMemoryBytes: 3e9 })

  const byDefault = await estimateUntil(({ reason }) => !reason.includes('profiler did not answer'))
  const byRequest = await estimate({ requested: { memoryBytes: 7e9 } })

  expect(byDefault.resources?.memoryBytes).toBe(3e9)
  expect(byDefault.source).toBe(EstimateSource.ESTIMATE_SOURCE_DEFAULT)
  expect(byRequest.resources?.memoryBytes).toBe(7e9)
  expect(byRequest.source).toBe(EstimateSource.ESTIMATE_SOURCE_REQUEST)
})

test('a task without a profile is answered from the tasks that share its tool', async () => {
  const profiler = await feed()
  profiler.put(cohortOf('tool=bwa', [2e9, 2.2e9, 2.4e9, 2.6e9]))
  const { estimateUntil } = await estimator({ profiler: profiler.address })

  const answer = await estimateUntil(({ source }) => source === EstimateSource.ESTIMATE_SOURCE_COHORT, {
    task: { namespace: 'default', task: 'never/seen' },
    labels: { tool: 'bwa' },
  })

  expect(answer.resources?.memoryBytes).toBeGreaterThan(2e9)
  expect(answer.resources?.memoryBytes).toBeLessThan(8e9)
  expect(answer.reason).toContain('tool=bwa')
})

test('starts before the profiler, answers from the fallback, and learns once it appears', async () => {
  const first = await profileFeed()
  await first.close()
  const { estimate, estimateUntil } = await estimator({ profiler: first.address })

  const alone = await estimate()
  const profiler = await feed(first.address)
  profiler.put(profileOf(history))
  const learned = await estimateUntil(fromProfile)

  expect(alone.source).toBe(EstimateSource.ESTIMATE_SOURCE_DEFAULT)
  expect(alone.reason).toContain('the profiler did not answer')
  expect(learned.executions).toBe(30)
})

test('goes on answering the same with the profiler gone, and says how stale it is', async () => {
  const profiler = await profileFeed()
  profiler.put(profileOf(history))
  const { estimate, estimateUntil } = await estimator({ profiler: profiler.address })
  const before = await estimateUntil(fromProfile)

  await profiler.close()
  const first = await estimate()
  const later = await estimateUntil(({ stalenessMs }) => stalenessMs > first.stalenessMs + 50)

  expect(later.resources).toEqual(before.resources)
  expect(later.confidence).toBe(before.confidence)
})

test('resumes by its cursor after a broken connection, and misses nothing', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history.slice(0, 10)))
  const { estimateUntil } = await estimator({ profiler: profiler.address })
  await estimateUntil(({ executions }) => executions === 10)

  profiler.put(profileOf(history.slice(0, 20)))
  await estimateUntil(({ executions }) => executions === 20)
  profiler.hangUp()
  profiler.put(profileOf(history))
  await estimateUntil(({ executions }) => executions === 30)

  expect(profiler.cursors[0]).toBe('')
  expect(Number(profiler.cursors.at(-1))).toBeGreaterThanOrEqual(2)
})

test('starts anew where its cursor is too old: what is gone is forgotten, what changed is taken', async () => {
  const profiler = await feed()
  const other = { namespace: 'default', kind: 'task', task: 'other' } as const
  profiler.put(profileOf(history.slice(0, 10)))
  profiler.put(profileOf([execution('o')], other))
  const { estimateUntil } = await estimator({ profiler: profiler.address })
  const task = { namespace: 'default', task: 'other' }
  await estimateUntil(fromProfile, { task })

  profiler.delete(profileOf([execution('o')], other))
  profiler.putSilently(profileOf(history))
  profiler.forgetCursors()

  await estimateUntil(({ executions }) => executions === 30)
  await estimateUntil(({ source }) => source === EstimateSource.ESTIMATE_SOURCE_DEFAULT, { task })
})

test('a deleted profile is unknown again', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { estimateUntil } = await estimator({ profiler: profiler.address })
  await estimateUntil(fromProfile)

  profiler.delete(profileOf(history))

  await estimateUntil(({ source }) => source === EstimateSource.ESTIMATE_SOURCE_DEFAULT)
})

test('a heartbeat counts as fresh', async () => {
  const profiler = await feed()
  const { estimateUntil } = await estimator({ profiler: profiler.address })

  const stale = await estimateUntil(({ stalenessMs }) => stalenessMs > 100)
  const beating = setInterval(profiler.heartbeat, 10)

  try {
    await estimateUntil(({ stalenessMs }) => stalenessMs < stale.stalenessMs)
  } finally {
    clearInterval(beating)
  }
})

test('what does not fit in memory is fetched when asked for, and an unknown task only once', async () => {
  const profiler = await feed()
  const keys = Array.from(
    { length: 6 },
    (_, i) => ({ namespace: 'default', kind: 'task', task: `t${i}` }) as const,
  )
  for (const key of keys) profiler.put(profileOf(history, key))
  const { estimate, estimateUntil } = await estimator({ profiler: profiler.address, replicaMaxProfiles: 2 })
  await estimateUntil(({ reason }) => !reason.includes('did not answer'))

  for (const { namespace, task } of keys) {
    expect(fromProfile(await estimate({ task: { namespace, task } }))).toBe(true)
  }
  const unknown = { namespace: 'default', task: 'unknown' }
  await estimate({ task: unknown })
  const before = profiler.asked
  await estimate({ task: unknown })

  expect(profiler.asked).toBe(before)
})

test('a profiler that does not answer holds nobody up: the breaker opens and the answer comes from the fallback', async () => {
  const profiler = await feed()
  const keys = Array.from(
    { length: 3 },
    (_, i) => ({ namespace: 'default', kind: 'task', task: `t${i}` }) as const,
  )
  for (const key of keys) profiler.put(profileOf(history, key))
  const service = await estimator({
    profiler: profiler.address,
    replicaMaxProfiles: 1,
    fetchDeadlineMs: 1000,
    breakerMinTries: 2,
  })
  await service.estimateUntil(({ reason }) => !reason.includes('did not answer'))
  profiler.stopAnswering()

  const task = (name: string) => ({ task: { namespace: 'default', task: name } })
  for (let i = 0; i < 8; i++) {
    const answer = await service.estimate(task(`unknown-${i}`))
    expect(answer.source).toBe(EstimateSource.ESTIMATE_SOURCE_DEFAULT)
    expect(answer.reason).toContain('the profiler did not answer')
  }
  const asked = profiler.asked
  await service.estimate(task('unknown-9'))

  expect(profiler.asked).toBe(asked)
})

test('two replicas and a restarted one answer to the bit the same', async () => {
  const profiler = await feed()
  for (let n = 1; n <= history.length; n++) profiler.put(profileOf(history.slice(0, n)))
  const query = { features: { input_bytes: 13e6 }, requested: { memoryBytes: 1e9 } }
  const whole = ({ executions }: Estimate) => executions === 30

  const followed = await estimator({ profiler: profiler.address })
  profiler.put(profileOf([...history, execution('last', { features: { input_bytes: 3e6 } })]))
  const first = await followed.estimateUntil(({ executions }) => executions === 31, query)
  const restarted = await estimator({ profiler: profiler.address })
  const second = await restarted.estimateUntil(({ executions }) => executions === 31, query)

  expect({ ...second, stalenessMs: 0 }).toEqual({ ...first, stalenessMs: 0 })
  expect(whole(first)).toBe(false)
})

test('a retry after out-of-memory is given more than what failed; after an eviction it is not', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { estimate, estimateUntil } = await estimator({ profiler: profiler.address })
  const first = await estimateUntil(fromProfile)
  const given = first.resources?.memoryBytes ?? 0

  const killed = await estimate({
    attempt: 2,
    previousAllocation: { memoryBytes: given },
    previousOutcome: 3,
  })
  const evicted = await estimate({
    attempt: 2,
    previousAllocation: { memoryBytes: given },
    previousOutcome: 5,
  })

  expect(killed.resources?.memoryBytes).toBeGreaterThan(given * 1.05)
  expect(killed.source).toBe(EstimateSource.ESTIMATE_SOURCE_ESCALATION)
  expect(evicted.resources?.memoryBytes).toBe(given)
})

test('a policy bounds the answer, and every bound that changed it is in the answer', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { estimateUntil } = await estimator({ profiler: profiler.address })

  const capped = await estimateUntil(fromProfile, {
    policy: { strategies: [], min: {}, max: { memoryBytes: 1e8 } },
  })
  const memory = capped.dimensions.find(({ dimension }) => dimension === 2)

  expect(capped.resources?.memoryBytes).toBe(1e8)
  expect(memory?.clamps).toEqual([{ kind: 2, before: expect.any(Number), after: 1e8 }])
  expect(memory?.confidence).toBeLessThan(0.5)
})

test('a strategy can be asked for alone; one that there is not is refused by name', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { estimate, estimateUntil } = await estimator({ profiler: profiler.address })
  await estimateUntil(fromProfile)

  for (const strategy of ['average', 'p95', 'linear-regression', 'exponential-smoothing']) {
    const alone = await estimate({ features: { input_bytes: 9e6 }, policy: { strategies: [strategy] } })
    expect(alone.dimensions.map((dimension) => dimension.strategy)).toEqual([strategy, strategy, strategy])
  }
  await expect(estimate({ policy: { strategies: ['average', 'oracle'] } })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining('query.policy.strategies[1]'),
  })
})

test('a batch answers in order; a bad query is refused by field and harms no other', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { client, estimateUntil } = await estimator({ profiler: profiler.address })
  await estimateUntil(fromProfile)

  const { results } = await call(
    client.estimateBatch.bind(client),
    {
      queries: [
        wireQuery({ features: { input_bytes: 1e6 } }),
        wireQuery({ features: { input_bytes: Number.NaN } }),
        wireQuery({ features: { input_bytes: 25e6 } }),
      ],
    },
    5000,
  )
  const memory = results.map(({ result }) =>
    result?.$case === 'estimate' ? result.value.resources?.memoryBytes : result?.value.violations[0]?.field,
  )

  expect(memory[1]).toBe('features[input_bytes]')
  expect(memory[0]).toBeLessThan(memory[2] as number)
  const empty = call(client.estimateBatch.bind(client), { queries: [] }, 5000)
  expect(statusOf(await empty.catch((error: unknown) => error))).toBe(status.INVALID_ARGUMENT)
})

test('confidence grows with what is given, and without resources is that of the estimate', async () => {
  const profiler = await feed()
  profiler.put(profileOf(history))
  const { confidence, estimateUntil } = await estimator({ profiler: profiler.address })
  const query = { features: { input_bytes: 12e6 } }
  const estimate = await estimateUntil(fromProfile, query)

  const own = await confidence(undefined, query)
  const ladder: number[] = []
  for (const share of [0.1, 0.5, 0.9, 1, 1.2, 2, 10]) {
    ladder.push((await confidence(share * (estimate.resources?.memoryBytes ?? 0), query)).confidence)
  }

  expect(own.confidence).toBe(estimate.confidence)
  expect(own.dimensions.flatMap(({ curve }) => curve)).toEqual([])

  const { dimensions } = await confidence(undefined, query, true)
  expect(dimensions.map(({ dimension }) => dimension)).toEqual(own.dimensions.map((each) => each.dimension))
  for (const { curve, allocation, ...answer } of dimensions) {
    const at = curve.find(({ amount }) => amount === allocation)
    expect(at?.confidence ?? answer.confidence).toBe(answer.confidence)
    expect(curve[0]?.confidence).toBeLessThan(0.1)
    expect(curve.at(-1)?.confidence).toBeGreaterThan(0.9)
  }
  expect(ladder).toEqual([...ladder].sort((a, b) => a - b))
  expect(ladder[0]).toBeLessThan(0.05)
  expect(ladder.at(-1)).toBeGreaterThan(0.95)
})
