import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServicePair, servicePair } from '../support/service-pair.ts'
import { until } from '../support/until.ts'
import { ask, described, registryOf } from './described.ts'
import { dynamicClient, type Message, readable } from './dynamic-client.ts'

let pair: ServicePair
beforeAll(async () => {
  pair = await servicePair()
})
afterAll(() => pair.stop())

test('both services list themselves and health', async () => {
  for (const [address, name] of [
    [pair.profiler.address, 'foresize.v1.ProfilerService'],
    [pair.estimator.address, 'foresize.v1.EstimatorService'],
  ] as const) {
    const { service } = await ask(address, { list_services: '' }, 'list_services_response')
    const names = service.map((each: Message) => each['name'])
    expect(names).toEqual(expect.arrayContaining([name, 'grpc.health.v1.Health']))
  }
})

test('a client that knows nothing but the addresses reports an execution and gets an estimate', async () => {
  const profiler = dynamicClient(
    await described(pair.profiler.address, 'foresize.v1.ProfilerService'),
    'foresize.v1.ProfilerService',
    pair.profiler.address,
  )
  const estimator = dynamicClient(
    await described(pair.estimator.address, 'foresize.v1.EstimatorService'),
    'foresize.v1.EstimatorService',
    pair.estimator.address,
  )
  const task = { namespace: 'stranger', task: 'thumbnail' }
  const executions = Array.from({ length: 5 }, (_, i) => ({
    execution_id: `thumbnail-${i}`,
    task,
    used: { memory_bytes: 3e8 + i * 1e6, duration_ms: 100 },
    outcome: 'OUTCOME_SUCCEEDED',
  }))
  expect((await profiler.call('UpdateProfile', { executions }))['folded']).toBe(5)

  const { estimate } = await until(
    (answer) => answer['estimate'].executions === 5,
    () => estimator.call('Estimate', { query: { task } }),
  )
  expect(estimate.source).toBe('ESTIMATE_SOURCE_PROFILE')
  expect(estimate.resources.memory_bytes).toBeGreaterThanOrEqual(3e8)
  profiler.close()
  estimator.close()
})

test('strict clients can read it: map entries and optional fields are described as protoc does', async () => {
  const registry = await registryOf(pair.estimator.address, 'foresize.v1.EstimatorService.Estimate')
  const query = registry.getMessage('foresize.v1.EstimateQuery')
  expect(query?.proto.nestedType.map(({ name }) => name)).toEqual(['FeaturesEntry', 'LabelsEntry'])
  expect(query?.fields.find(({ name }) => name === 'features')?.fieldKind).toBe('map')
  const memory = registry
    .getMessage('foresize.v1.Resources')
    ?.fields.find(({ name }) => name === 'memory_bytes')
  expect(memory?.proto.proto3Optional).toBe(true)
  expect(memory?.oneof).toBeUndefined()
})

test.each([
  [{ file_containing_symbol: 'foresize.v1.NoSuch' }, 5],
  [{ file_by_filename: 'no/such.proto' }, 5],
])('what is not known is said: %j', async (request, code) => {
  const error = await ask(pair.profiler.address, request, 'error_response')
  expect(error['error_code']).toBe(code)
})

test('what the services say of themselves is the contract, every RPC of it', async () => {
  const folder = fileURLToPath(new URL('../../proto/foresize/v1', import.meta.url))
  const files = readdirSync(folder).filter((name) => name.endsWith('_service.proto'))
  const local = loadSync(
    files.map((name) => `foresize/v1/${name}`),
    { ...readable, includeDirs: [join(folder, '../..')] },
  )
  for (const [name, address] of [
    ['foresize.v1.ProfilerService', pair.profiler.address],
    ['foresize.v1.EstimatorService', pair.estimator.address],
  ] as const) {
    const remote = await described(address, name)
    expect(Object.keys(remote[name] ?? {})).toEqual(Object.keys(local[name] ?? {}))
  }
})
