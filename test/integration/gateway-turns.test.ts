import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileKey } from '../../shared/domain/profile.ts'
import { fromExecutionRecord } from '../../shared/wire/execution.ts'
import { UpdateProfileRequest } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import { largestExecutions } from '../support/largest-profile.ts'
import type { Posted, Posting } from '../support/posting-worker.ts'
import { type TestProfiler, testProfiler, unary, wireRecord } from '../support/profiler-service.ts'
import { expectShortTurns, type Preparation, type Work } from '../support/turns.ts'

/** The gateway holds the event loop no longer than the services behind it, which run in this process as well. */

let profiler: TestProfiler
let estimator: Awaited<ReturnType<typeof estimatorFixture>>
let gateway: GatewayFixture

beforeAll(async () => {
  profiler = await testProfiler({ store: 'memory' })
  estimator = await estimatorFixture({ profiler: profiler.address })
  gateway = await gatewayFixture({
    ...{ profiler: profiler.address, estimator: estimator.address },
    ...{ maxMessageBytes: 8 * 2 ** 20, maxHeldBytes: 4 * 2 ** 30, maxHeldShare: 1 },
  })
  const executions = Array.from({ length: 20 }, (_, i) => wireRecord(`known ${i}`, { task: known }))
  await unary(profiler.client, 'updateProfile', { executions })
  await estimator.estimateUntil(({ source }) => source === 1, { task: known })
  for (let at = 0; at < largest.length; at += 8)
    await unary(profiler.client, 'updateProfile', { executions: largest.slice(at, at + 8) })
})
afterAll(async () => {
  await gateway.stop()
  await estimator.close()
  await profiler.stop()
})

const known = { namespace: 'default', task: 'known' }
const largeKey: ProfileKey = { namespace: 'default', kind: 'task', task: 'large' }
const largest = largestExecutions('large', largeKey, 96).map(({ record }) => fromExecutionRecord(record))

const json = { 'content-type': 'application/json' }

/** @param expected how it is answered, and with how many bytes at least. */
async function post(
  method: string,
  body: string | Uint8Array,
  expected: Posted,
  headers: Posting['headers'] = json,
): Promise<Work> {
  const workerData: Posting = {
    ...{ url: `${gateway.origin}/foresize.v1.${method}`, body, headers },
    readBytes: expected.bytes === 0 ? Number.POSITIVE_INFINITY : expected.bytes,
  }
  const worker = new Worker(new URL('../support/posting-worker.ts', import.meta.url), { workerData })
  await once(worker, 'message')
  return async () => {
    worker.postMessage('send')
    const [posted] = (await once(worker, 'message')) as [Posted]
    expect(posted.status).toBe(expected.status)
    expect(posted.bytes).toBeGreaterThanOrEqual(expected.bytes)
    await worker.terminate()
  }
}

const named = (count: number) => Array.from({ length: count }, (_, i) => `name ${i}`)
const wide = {
  features: Object.fromEntries(named(32).map((name, i) => [name, i + 0.5])),
  labels: Object.fromEntries(named(32).map((name) => [name, 'x'.repeat(10)])),
}

const report = (run: string): UpdateProfileRequest => ({
  executions: named(1000).map((id, i) =>
    wireRecord(`${run} ${id}`, { task: { namespace: 'default', task: `wide ${i % 20}` }, ...wide }),
  ),
})

/** What is answered within a stream: five bytes and the message. */
const enveloped = (text: string) => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([head, Buffer.from(text)])
}

const works: Readonly<Record<string, Preparation>> = {
  'a report of a thousand executions in JSON': (run) => {
    const body = JSON.stringify(UpdateProfileRequest.toJSON(report(run)))
    return post('ProfilerService/UpdateProfile', body, { status: 200, bytes: 10 })
  },
  'a report of a thousand executions in protobuf': (run) =>
    post(
      'ProfilerService/UpdateProfile',
      UpdateProfileRequest.encode(report(run)).finish(),
      { status: 200, bytes: 1 },
      { 'content-type': 'application/proto' },
    ),
  'the estimates of a thousand tasks in JSON': (run) => {
    const queries = named(1000).map((id) => ({ task: known, labels: { run, id } }))
    const body = JSON.stringify({ queries })
    return post(
      'EstimatorService/EstimateBatch',
      body,
      { status: 200, bytes: 1_000_000 },
      {
        ...json,
        'accept-encoding': 'identity',
      },
    )
  },
  'a profile as large as may be in JSON': () =>
    post('ProfilerService/GetProfile', JSON.stringify({ key: { task: 'large' } }), {
      ...{ status: 200, bytes: 2_000_000 },
    }),
  'a watch of a profile as large as may be in JSON': () =>
    post(
      'ProfilerService/WatchProfiles',
      enveloped('{}'),
      { status: 200, bytes: 2_000_000 },
      { 'content-type': 'application/connect+json' },
    ),
  'a query of more features than may be in JSON': () => {
    const features = Object.fromEntries(named(100_000).map((name) => [name, 1]))
    return post('EstimatorService/Estimate', JSON.stringify({ query: { features } }), {
      status: 400,
      bytes: 10,
    })
  },
}

test.each(Object.entries(works))('%s holds no turn of the event loop for long', expectShortTurns)
