import { fileURLToPath } from 'node:url'
import { type ServiceError, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isServing } from '../../cli/health-check.ts'
import { type ServicePair, servicePair } from '../support/service-pair.ts'
import { until } from '../support/until.ts'
import { type DynamicClient, dynamicClient, type Message, readable } from './dynamic-client.ts'

/**
 * Messages that the .proto allows and nobody means. Law: each is taken or refused by a field's name; none is answered
 * with INTERNAL, none harms what comes after it.
 */

const definition = loadSync(['foresize/v1/profiler_service.proto', 'foresize/v1/estimator_service.proto'], {
  ...readable,
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
})

let pair: ServicePair
let profiler: DynamicClient
let estimator: DynamicClient

beforeAll(async () => {
  pair = await servicePair({ profiler: ['--store=memory'] })
  profiler = dynamicClient(definition, 'foresize.v1.ProfilerService', pair.profiler.address)
  estimator = dynamicClient(definition, 'foresize.v1.EstimatorService', pair.estimator.address)
})
afterAll(async () => {
  profiler.close()
  estimator.close()
  await pair.stop()
})

/** Mostly what is allowed, if odd; now and then what is not. */
const mostly = <T>(allowed: readonly T[], banned: readonly T[]) =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...allowed), weight: 30 },
    { arbitrary: fc.constantFrom(...banned), weight: 1 },
  )
const number = mostly([0, 1, 1.5, 1e5, -0, 5e-324], [1e16, -1, 1e300, Number.NaN, Infinity, -Infinity])
const whole = mostly([1, 2, 1000], [0, 1001, 2 ** 31 - 1, 2 ** 32 - 1])
const word = mostly([1, 2, 3], [0, 7, 8, 99, -1])
const text = mostly(
  ['a', 'default', 'x'.repeat(256), 'constructor', 'toString', '../../etc/passwd', '%s%n', 'image=x'],
  ['\ud800', '', 'x'.repeat(257), 'line\nbreak', '\u0000', '€'.repeat(100), '__proto__'],
)
const bytes = mostly(
  [Buffer.alloc(0), Buffer.from([255, 255, 255]), Buffer.from('hello')],
  [Buffer.alloc(2049)],
)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 5 })
const map = <T>(value: fc.Arbitrary<T>) => fc.dictionary(text, value, { maxKeys: 4, noNullPrototype: true })
const message = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Message> =>
  fc.oneof(
    { arbitrary: fc.record(fields, { noNullPrototype: true }), weight: 10 },
    { arbitrary: fc.record(fields, { requiredKeys: [], noNullPrototype: true }), weight: 1 },
  )

const resources = message({
  cpu_cores: number,
  memory_bytes: number,
  disk_bytes: number,
  gpu_memory_bytes: number,
  duration_ms: number,
})
const task = message({ namespace: text, task: text })
const start = {
  execution_id: text,
  task,
  attempt: whole,
  features: map(number),
  labels: map(text),
  requested: resources,
  allocated: resources,
  estimate_token: bytes,
  weight: number,
}
const executionStart = message({ ...start, lease_ms: whole })
const executionEnd = message({ execution_id: text, outcome: word, used: resources, source: word })
const record = message({ ...start, used: resources, outcome: word, source: word, ended_at_unix_ms: number })
const column = fc.array(number, { maxLength: 3 })
const samples = message({
  execution_id: text,
  elapsed_delta_ms: fc.array(whole, { maxLength: 3 }),
  cpu_cores: column,
  memory_bytes: column,
  disk_bytes: column,
  gpu_memory_bytes: column,
})
const query = message({
  task,
  features: map(number),
  labels: map(text),
  requested: resources,
  attempt: whole,
  previous_allocation: resources,
  previous_outcome: word,
  execution_id: text,
  policy: message({
    risk: mostly([0, 0.5, 1], [-1, 2, Number.NaN]),
    target_coverage: mostly([5e-324, 0.5, 0.999], [0, 1, Number.NaN]),
    strategies: fc.array(text, { maxLength: 3 }),
    max: resources,
    min: mostly<Message>([{}, { memory_bytes: 0 }], [{ memory_bytes: 1e16 }]),
  }),
})
const list = <T>(value: fc.Arbitrary<T>) => fc.array(value, { maxLength: 4 })
const key = message({ namespace: text, kind: word, task: text })

/** Whatever was reported before, of tiny and absurd needs: an answer is one that can be given. */
function isSane(estimate: Message): void {
  const values = Object.values(estimate['resources'] as object).filter((value) => typeof value === 'number')
  expect(values.length).toBeGreaterThan(0)
  for (const value of values) expect(Number.isFinite(value) && value >= 0).toBe(true)
  expect(estimate['confidence'] >= 0 && estimate['confidence'] <= 1).toBe(true)
  for (const { allocation, lower, expected, upper } of estimate['dimensions']) {
    expect([lower, expected, upper, allocation].every(Number.isFinite)).toBe(true)
    expect(lower <= expected && expected <= upper).toBe(true)
  }
}

/** What a bad call may be answered with. */
const refusals = [status.INVALID_ARGUMENT, status.NOT_FOUND, status.RESOURCE_EXHAUSTED, status.ABORTED]

/** Whether it was taken. */
async function isAnsweredWell(call: Promise<Message>): Promise<boolean> {
  try {
    const { estimate, results = [{ estimate }], confidence = 0.5 } = await call
    expect(confidence >= 0 && confidence <= 1).toBe(true)
    for (const each of results)
      if (each.estimate !== undefined && each.estimate !== null) isSane(each.estimate)
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const { code, details } = error as ServiceError
    expect({ details, isRefusal: refusals.includes(code) }).toEqual({ details, isRefusal: true })
    return false
  }
}

const calls: readonly [string, () => DynamicClient, fc.Arbitrary<Message>][] = [
  ['UpdateProfile', () => profiler, message({ executions: list(record) })],
  ['StartProfiling', () => profiler, message({ start: executionStart })],
  ['EndProfiling', () => profiler, message({ end: executionEnd, start: maybe(executionStart) })],
  ['ReportEnd', () => profiler, message({ end: executionEnd, start: maybe(executionStart) })],
  ['GetProfile', () => profiler, message({ key })],
  ['DeleteProfile', () => profiler, message({ key })],
  [
    'ListProfiles',
    () => profiler,
    message({ namespace: text, task_prefix: text, page_size: whole, page_token: text, kind: word }),
  ],
  ['Estimate', () => estimator, message({ query })],
  ['EstimateBatch', () => estimator, message({ queries: list(query) })],
  ['Confidence', () => estimator, message({ query, resources })],
  ['GetAccuracy', () => estimator, message({ task })],
]

/** Calls that speak of what nobody has made. */
const mayNotExist = new Set(['GetProfile', 'DeleteProfile', 'EndProfiling', 'ReportEnd'])

describe('hostile messages', () => {
  test.each(calls)('%s takes them or names what is wrong', async (method, client, request) => {
    let taken = 0
    await fc.assert(
      fc.asyncProperty(request, async (value) => {
        if (await isAnsweredWell(client().call(method, value))) taken++
      }),
      { numRuns: 150 },
    )
    // Else this would show only that everything is refused.
    if (!mayNotExist.has(method)) expect(taken).toBeGreaterThan(0)
  })

  test('a stream takes them or names what is wrong, and acknowledges every batch', async () => {
    const batch = message({ starts: list(executionStart), samples: list(samples), ends: list(executionEnd) })
    const batches = fc.sample(batch, 300)
    const stream = profiler.stream('StreamUsage')
    stream.send({ open: { session_id: 'hostile' } })
    await stream.next('opened')
    batches.forEach((value, i) => void stream.send({ batch: { ...value, sequence: i + 1 } }))
    let acknowledged = 0
    while (acknowledged < batches.length)
      acknowledged = (await stream.next('acknowledgement'))['durable_sequence']
    stream.end()
  })

  test('bytes that are no message end their call only', async () => {
    const garbage = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 200 }), 50)
    for (const bytes of garbage) {
      await expect(profiler.callRaw('GetProfile', Buffer.from([0xff, ...bytes]))).rejects.toHaveProperty(
        'code',
      )
    }
  })

  test('both services live on, and answer as before', async () => {
    for (const { address } of [pair.profiler, pair.estimator])
      expect(await isServing(address, 5000)).toBe(true)
    const executions = [1, 2, 3].map((i) => ({
      execution_id: `sane-${i}`,
      task: { namespace: 'sane', task: 'sort' },
      used: { memory_bytes: 1e9, duration_ms: 1000 },
      outcome: 'OUTCOME_SUCCEEDED',
    }))
    expect((await profiler.call('UpdateProfile', { executions }))['folded']).toBe(3)
    const { estimate } = await until(
      (answer) => answer['estimate'].executions === 3,
      () => estimator.call('Estimate', { query: { task: { namespace: 'sane', task: 'sort' } } }),
    )
    expect(estimate.resources.memory_bytes).toBeGreaterThanOrEqual(1e9)
    expect(estimate.resources.memory_bytes).toBeLessThan(3e9)
  })
})
