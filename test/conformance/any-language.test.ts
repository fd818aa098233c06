import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Json, type JsonClient, jsonClient } from '../interop/json-client.ts'
import { type ServicePair, servicePair } from '../support/service-pair.ts'
import { until } from '../support/until.ts'

/** The messages of docs/any-language.md, as they stand there, with the method that each is for. */
const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'any-language.md'), 'utf8')
const messages = [...page.matchAll(/<!-- (\S+)\/(\S+) -->\n```json\n([\s\S]*?)```/g)].map(
  ([, service = '', method = '', json = '']) => ({ service, method, message: JSON.parse(json) as Json }),
)
const of = (method: string) => messages.filter((each) => each.method === method).map(({ message }) => message)
const only = (method: string) => of(method)[0] as Json

let pair: ServicePair
let profiler: JsonClient
let estimator: JsonClient
beforeAll(async () => {
  pair = await servicePair()
  profiler = await jsonClient(pair.profiler.address, 'foresize.v1.ProfilerService')
  estimator = await jsonClient(pair.estimator.address, 'foresize.v1.EstimatorService')
})
afterAll(async () => {
  profiler?.close()
  estimator?.close()
  await pair?.stop()
})

const profileOf = async (task: string): Promise<Json> =>
  (await profiler.call('GetProfile', { key: { task } }))['profile']

test('every block of JSON on the page names its method', () => {
  expect(messages).toHaveLength(page.match(/```json/g)?.length ?? 0)
  expect(messages.map(({ method }) => method)).toEqual([
    'UpdateProfile',
    ...Array<string>(4).fill('StreamUsage'),
    'Estimate',
  ])
})

test('one message after the run, sent twice, counts once, and the next run is sized by it', async () => {
  expect(await profiler.call('UpdateProfile', only('UpdateProfile'))).toMatchObject({ folded: 1 })
  expect(await profiler.call('UpdateProfile', only('UpdateProfile'))).toMatchObject({
    folded: 0,
    repeated_executions: 1,
  })
  const { executions, outcomes } = await profileOf('thumbnail')
  expect(outcomes).toEqual([{ outcome: 'OUTCOME_SUCCEEDED', count: 1 }])
  expect(executions[0].used.memory_bytes).toBe(181_403_648)

  const { estimate } = await until(
    (answer) => answer['estimate'].executions === 1,
    () => estimator.call('Estimate', only('Estimate')),
  )
  expect(estimate.resources.memory_bytes).toBeGreaterThanOrEqual(181_403_648)
  expect(estimate.estimate_token.length).toBeGreaterThan(0)
})

test('four messages on a stream', async () => {
  const stream = profiler.stream('StreamUsage')
  const [open, ...batches] = of('StreamUsage')
  stream.send(open as Json)
  expect(await stream.next('opened')).toMatchObject({ durable_sequence: 0 })
  for (const batch of batches) stream.send(batch)
  for (let durable = 0; durable < batches.length; ) {
    durable = (await stream.next('acknowledgement'))['durable_sequence']
  }
  stream.end()
  const { executions, outcomes } = await profileOf('align')
  expect(outcomes).toEqual([{ outcome: 'OUTCOME_SUCCEEDED', count: 1 }])
  expect(executions[0]).toMatchObject({
    features: { input_bytes: 80_000_000 },
    used: { memory_bytes: 2_100_000_000, duration_ms: 1800 },
    source: 'MEASUREMENT_SOURCE_RUSAGE',
  })
  expect(executions[0].used.cpu_cores).toBeCloseTo((0.8 * 500 + 1.9 * 1000) / 1500)
})
