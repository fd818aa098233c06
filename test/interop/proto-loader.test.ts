import { fileURLToPath } from 'node:url'
import { status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServicePair, servicePair } from '../support/service-pair.ts'
import { until } from '../support/until.ts'
import { type DynamicClient, dynamicClient, type Message, readable } from './dynamic-client.ts'

/** A client that has the .proto files and nothing else of this project: what another language's would do. */
const definition = loadSync(['foresize/v1/profiler_service.proto', 'foresize/v1/estimator_service.proto'], {
  ...readable,
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
})

let pair: ServicePair
let profiler: DynamicClient
let estimator: DynamicClient

beforeAll(async () => {
  pair = await servicePair()
  profiler = dynamicClient(definition, 'foresize.v1.ProfilerService', pair.profiler.address)
  estimator = dynamicClient(definition, 'foresize.v1.EstimatorService', pair.estimator.address)
})
afterAll(async () => {
  profiler.close()
  estimator.close()
  await pair.stop()
})

let ids = 0
const fresh = (what: string) => `${what}-${ids++}`
const key = (task: string) => ({ namespace: 'interop', task })

const start = (executionId: string, task: string, more: Message = {}): Message => ({
  execution_id: executionId,
  task: key(task),
  ...more,
})

const samples = (executionId: string, memoryBytes: readonly number[]): Message => ({
  execution_id: executionId,
  elapsed_delta_ms: memoryBytes.map((_, i) => (i === 0 ? 0 : 100)),
  memory_bytes: memoryBytes,
})

const end = (
  executionId: string,
  outcome: string | number = 'OUTCOME_SUCCEEDED',
  used: Message = {},
): Message => ({
  execution_id: executionId,
  outcome,
  used,
})

const getProfile = async (task: string): Promise<Message> =>
  (await profiler.call('GetProfile', { key: { ...key(task), kind: 'PROFILE_KIND_TASK' } }))['profile']

const count = (profile: Message, outcome = 'OUTCOME_SUCCEEDED'): number =>
  profile['outcomes'].find((each: Message) => each['outcome'] === outcome)?.count ?? 0

async function openSession(sessionId: string) {
  const stream = profiler.stream('StreamUsage')
  stream.send({ open: { session_id: sessionId, client: 'interop/1' } })
  return { stream, opened: await stream.next('opened') }
}

describe('streaming usage', () => {
  test('executions are stored as acknowledged, peaks and durations from their samples', async () => {
    const task = fresh('stream')
    const { stream, opened } = await openSession(fresh('session'))
    expect(opened).toMatchObject({ durable_sequence: 0, durability: 'DURABILITY_DISK' })
    expect(opened['default_lease_ms']).toBeGreaterThan(0)

    const [a, b] = [fresh('e'), fresh('e')]
    stream.send({
      batch: { sequence: 1, starts: [start(a, task), start(b, task)], samples: [samples(a, [1e8, 4e8])] },
    })
    stream.send({ batch: { sequence: 2, samples: [samples(a, [3e8]), samples(b, [2e8])], ends: [end(a)] } })
    stream.send({
      batch: { sequence: 3, ends: [end(b, 'OUTCOME_SUCCEEDED', { memory_bytes: 5e8, duration_ms: 900 })] },
    })
    stream.end()
    let acknowledged = 0
    while (acknowledged < 3) acknowledged = (await stream.next('acknowledgement'))['durable_sequence']

    const profile = await getProfile(task)
    expect(count(profile)).toBe(2)
    const used = new Map(profile['executions'].map((each: Message) => [each['execution_id'], each['used']]))
    expect(used.get(a)).toMatchObject({ memory_bytes: 4e8 })
    expect(used.get(b)).toMatchObject({ memory_bytes: 5e8, duration_ms: 900 })
  })

  test('a session cut off goes on where it was: nothing lost, nothing counted twice', async () => {
    const task = fresh('resume')
    const session = fresh('session')
    const batches = Array.from({ length: 10 }, (_, i) => {
      const id = fresh('e')
      return {
        sequence: i + 1,
        starts: [start(id, task)],
        samples: [samples(id, [1e8 + i])],
        ends: [end(id)],
      }
    })
    const first = await openSession(session)
    for (const batch of batches.slice(0, 6)) first.stream.send({ batch })
    await first.stream.next('acknowledgement')
    first.stream.cancel()
    await first.stream.failed

    const second = await openSession(session)
    const durable = second.opened['durable_sequence']
    expect(durable).toBeGreaterThan(0)
    // All over again, the acknowledged ones too: a repeat is ignored.
    for (const batch of batches) second.stream.send({ batch })
    let acknowledged = 0
    while (acknowledged < 10) acknowledged = (await second.stream.next('acknowledgement'))['durable_sequence']
    second.stream.end()
    expect(count(await getProfile(task))).toBe(10)

    const third = await openSession(session)
    expect(third.opened['durable_sequence']).toBe(10)
    third.stream.end()
  })

  test('a gap ends the stream, a first message that opens nothing as well', async () => {
    const { stream } = await openSession(fresh('session'))
    stream.send({ batch: { sequence: 2 } })
    expect((await stream.failed).code).toBe(status.FAILED_PRECONDITION)

    const rude = profiler.stream('StreamUsage')
    rude.send({ batch: { sequence: 1 } })
    expect((await rude.failed).code).toBe(status.INVALID_ARGUMENT)
  })

  test('what is wrong is refused by its field, all else in its batch is taken, and the stream lives on', async () => {
    const task = fresh('reject')
    const { stream } = await openSession(fresh('session'))
    const [good, nan, unknown, after] = [fresh('e'), fresh('e'), fresh('e'), fresh('e')]
    stream.send({
      batch: {
        sequence: 1,
        starts: [
          start(good, task),
          start(nan, task, { features: { input_bytes: Number.NaN } }),
          start(unknown, task),
          start(fresh('e'), ''),
          start(fresh('e'), 'x'.repeat(257)),
          start(fresh('e'), task, { requested: { memory_bytes: -1 } }),
        ],
        samples: [samples(good, [1e8]), samples(unknown, [Number.POSITIVE_INFINITY])],
        ends: [end(good), end(unknown, 99)],
      },
    })
    const refused: Message[] = []
    while (refused.length < 6) refused.push(await stream.next('rejection'))
    const fields = refused.flatMap((each) =>
      each['violations'].map((violation: Message) => violation['field']),
    )
    expect(fields.toSorted()).toEqual([
      'ends[1].outcome',
      'samples[1].memory_bytes[0]',
      'starts[1].features[input_bytes]',
      'starts[3].task.task',
      'starts[4].task.task',
      'starts[5].requested.memory_bytes',
    ])
    expect(refused.every((each) => each['sequence'] === 1)).toBe(true)
    expect(refused.some((each) => each['execution_id'] === nan)).toBe(true)

    stream.send({ batch: { sequence: 2, starts: [start(after, task)], ends: [end(after)] } })
    let acknowledged = 0
    while (acknowledged < 2) acknowledged = (await stream.next('acknowledgement'))['durable_sequence']
    stream.end()
    expect(count(await getProfile(task))).toBe(2)
  })
})

describe('the simplest way in, and an estimate out', () => {
  const task = 'sort'
  const record = (index: number, more: Message = {}): Message => {
    const inputBytes = 1e8 * (1 + (index % 10))
    return {
      execution_id: fresh('record'),
      task: key(task),
      features: { input_bytes: inputBytes },
      allocated: { memory_bytes: 16e9, cpu_cores: 1 },
      used: { memory_bytes: 2e8 + 2 * inputBytes, cpu_cores: 0.9, duration_ms: inputBytes / 1e5 },
      outcome: 'OUTCOME_SUCCEEDED',
      source: 'MEASUREMENT_SOURCE_EXTERNAL',
      ...more,
    }
  }
  const query = (inputBytes: number): Message => ({ task: key(task), features: { input_bytes: inputBytes } })

  async function estimateFrom(executions: number, inputBytes: number): Promise<Message> {
    const { estimate } = await until(
      (answer) => answer['estimate'].executions >= executions,
      () => estimator.call('Estimate', { query: query(inputBytes) }),
    )
    return estimate
  }

  test('records in, an estimate that follows the input out', async () => {
    const executions = Array.from({ length: 40 }, (_, i) => record(i))
    const answer = await profiler.call('UpdateProfile', { executions })
    expect(answer).toMatchObject({ folded: 40, repeated_executions: 0, rejections: [] })
    expect(await profiler.call('UpdateProfile', { executions })).toMatchObject({
      folded: 0,
      repeated_executions: 40,
    })

    const [small, large] = [await estimateFrom(40, 2e8), await estimateFrom(40, 9e8)]
    for (const [estimate, need] of [
      [small, 6e8],
      [large, 2e9],
    ] as const) {
      expect(estimate['source']).toBe('ESTIMATE_SOURCE_PROFILE')
      expect(estimate['resources'].memory_bytes).toBeGreaterThanOrEqual(need)
      expect(estimate['resources'].memory_bytes).toBeLessThan(need * 1.5)
      expect(estimate['confidence']).toBeGreaterThan(0.5)
      expect(estimate['reason']).not.toBe('')
      const memory = estimate['dimensions'].find(
        (each: Message) => each['dimension'] === 'DIMENSION_MEMORY_BYTES',
      )
      expect(memory.predictions.length).toBeGreaterThan(1)
      expect(memory.lower).toBeLessThanOrEqual(memory.expected)
      expect(memory.expected).toBeLessThanOrEqual(memory.upper)
    }
  })

  test('the token of an estimate, handed back with the execution, scores it once', async () => {
    const estimate = await estimateFrom(40, 3e8)
    const execution = record(2, {
      allocated: estimate['resources'],
      estimate_token: estimate['estimate_token'],
    })
    for (let i = 0; i < 2; i++) await profiler.call('UpdateProfile', { executions: [execution] })
    await estimateFrom(41, 3e8)
    const { accuracy } = await estimator.call('GetAccuracy', { task: key(task) })
    const ours = accuracy.find(
      (each: Message) => each['strategy'] === 'foresize' && each['dimension'] === 'DIMENSION_MEMORY_BYTES',
    )
    expect(ours).toMatchObject({ executions: 1, coverage: 1 })
  })

  test('confidence falls with what is given', async () => {
    const confidence = async (memoryBytes: number): Promise<number> =>
      (await estimator.call('Confidence', { query: query(5e8), resources: { memory_bytes: memoryBytes } }))[
        'confidence'
      ]
    const [little, enough] = [await confidence(6e8), await confidence(8e9)]
    expect(little).toBeLessThan(0.5)
    expect(enough).toBeGreaterThan(0.9)
  })

  test('a batch answers each query for itself; a bad one does not harm the others', async () => {
    const { results } = await estimator.call('EstimateBatch', {
      queries: [query(2e8), { features: { a: 1 } }, { task: key(fresh('never-seen')) }],
    })
    expect(results[0].estimate.source).toBe('ESTIMATE_SOURCE_PROFILE')
    expect(results[1].rejection.violations).toEqual([{ field: 'task', description: 'is required' }])
    expect(results[2].estimate.resources.memory_bytes).toBeGreaterThan(0)
    expect(results[2].estimate.source).not.toBe('ESTIMATE_SOURCE_PROFILE')
  })

  test.each([
    ['no query', {}, 'query'],
    ['no task', { query: {} }, 'query.task'],
    ['a feature that is NaN', { query: { ...query(0), features: { a: Number.NaN } } }, 'query.features[a]'],
    ['an unknown outcome', { query: { ...query(1), previous_outcome: 42 } }, 'query.previous_outcome'],
    ['a key of 300 bytes', { query: { task: { task: 'k'.repeat(300) } } }, 'query.task.task'],
  ])('%s is INVALID_ARGUMENT naming the field', async (_, request, field) => {
    await expect(estimator.call('Estimate', request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(field),
    })
  })

  test('a bad record is refused by its place, the others are folded; all bad fails the call', async () => {
    const bad = record(0, { used: { memory_bytes: Number.NaN } })
    const answer = await profiler.call('UpdateProfile', { executions: [record(1), bad, record(2)] })
    expect(answer).toMatchObject({
      folded: 2,
      rejections: [{ index: 1, violations: [{ field: 'executions[1].used.memory_bytes' }] }],
    })
    await expect(profiler.call('UpdateProfile', { executions: [bad] })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('executions[0].used.memory_bytes'),
    })
  })

  test('an execution without a stream: start, end, and the end again', async () => {
    const id = fresh('e')
    const started = await profiler.call('StartProfiling', { start: start(id, fresh('unary')) })
    expect(started['lease_ms']).toBeGreaterThan(0)
    const request = { end: end(id, 'OUTCOME_SUCCEEDED', { memory_bytes: 1e8, duration_ms: 5 }) }
    expect((await profiler.call('EndProfiling', request))['folded']).toBe(true)
    expect((await profiler.call('EndProfiling', request))['folded']).toBe(false)
  })

  test('profiles are watched as they change, listed in pages, and forgotten', async () => {
    const task = fresh('watched')
    const watch = profiler.stream('WatchProfiles', { namespaces: ['interop'] })
    await watch.next('caught_up')
    await profiler.call('UpdateProfile', { executions: [record(0, { task: key(task) })] })
    let seen = await watch.next('profile')
    while (seen['key'].task !== task) seen = await watch.next('profile')
    expect(count(seen)).toBe(1)

    const names: string[] = []
    let token = ''
    do {
      const page = await profiler.call('ListProfiles', {
        namespace: 'interop',
        page_size: 2,
        page_token: token,
      })
      names.push(...page['profiles'].map((each: Message) => each['key'].task))
      token = page['next_page_token']
    } while (token !== '')
    expect(names).toContain(task)
    expect(names).toEqual([...new Set(names)].toSorted())

    await profiler.call('DeleteProfile', { key: key(task) })
    let gone = await watch.next('deleted')
    while (gone['task'] !== task) gone = await watch.next('deleted')
    await expect(getProfile(task)).rejects.toMatchObject({ code: status.NOT_FOUND })
    watch.cancel()
  })
})
