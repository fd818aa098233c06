import { join } from 'node:path'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DynamicStream, dynamicClient, readable } from '../interop/dynamic-client.ts'
import { type ServicePair, servicePair } from '../support/service-pair.ts'
import { until } from '../support/until.ts'
import { everything } from './profiler.ts'
import { type Driver, isPresent, sdks, startDriver } from './sdks.ts'

let pair: ServicePair
beforeAll(async () => {
  pair = await servicePair({ profiler: everything })
})
afterAll(() => pair?.stop())

const namespace = 'all-at-once'
const rounds = 10
const count = 100
/** What each client reports of the shared task, and of one of its own. */
const expected = rounds * count

const protos = {
  ...readable,
  includeDirs: [join(import.meta.dirname, '..', '..', 'proto')],
}

/** A client without any SDK: batches by hand over one stream. */
async function rawClient(address: string): Promise<void> {
  const client = dynamicClient(
    loadSync('foresize/v1/profiler_service.proto', protos),
    'foresize.v1.ProfilerService',
    address,
  )
  const stream = client.stream('StreamUsage')
  stream.send({ open: { session_id: 'raw', client: 'raw' } })
  await stream.next('opened')
  for (let round = 0; round < rounds; round++) {
    for (const [at, task] of ['shared', 'of-raw'].entries()) {
      const ids = Array.from({ length: count }, (_, i) => `raw-${task}-${round}-${i}`)
      stream.send({
        batch: {
          sequence: round * 2 + at + 1,
          starts: ids.map((id) => ({ execution_id: id, task: { namespace, task }, features: { n: round } })),
          ends: ids.map((id) => ({ execution_id: id, outcome: 'OUTCOME_SUCCEEDED', used: usedBy(round) })),
        },
      })
    }
  }
  await acknowledged(stream, rounds * 2)
  stream.end()
  client.close()
}

const usedBy = (round: number) => ({ memory_bytes: 1e8 + round * 1e7, duration_ms: 100 })

async function acknowledged(stream: DynamicStream, sequence: number): Promise<void> {
  for (let durable = 0; durable < sequence; ) {
    durable = (await stream.next('acknowledgement'))['durable_sequence']
  }
}

async function sdkClient(driver: Driver, name: string): Promise<void> {
  await driver.perform({ op: 'worker', options: { target: pair.profiler.address, namespace } })
  for (let round = 0; round < rounds; round++) {
    for (const task of ['shared', `of-${name}`]) {
      const id = `${name}-${task}-${round}-`
      const used = { memoryBytes: 1e8 + round * 1e7, durationMs: 100 }
      await driver.perform({ op: 'start', id, count, task, features: { n: round } })
      await driver.perform({ op: 'end', id, count, outcome: 'succeeded', used, source: 'rusage' })
    }
  }
  expect(await driver.perform({ op: 'flush', deadlineMs: 60_000 })).toEqual({ durable: true })
}

test('workers of every language and a raw client at once: every count is exact, and each is answered', async () => {
  const present = sdks.filter((sdk) => isPresent(sdk, 'all at once'))
  const drivers = present.map((sdk) => [sdk.name, startDriver(sdk)] as const)
  const profiler = dynamicClient(
    loadSync('foresize/v1/profiler_service.proto', protos),
    'foresize.v1.ProfilerService',
    pair.profiler.address,
  )
  const estimator = dynamicClient(
    loadSync('foresize/v1/estimator_service.proto', protos),
    'foresize.v1.EstimatorService',
    pair.estimator.address,
  )
  try {
    await Promise.all([
      rawClient(pair.profiler.address),
      ...drivers.map(([name, driver]) => sdkClient(driver, name)),
    ])
    const countOf = async (task: string) => {
      const { profile } = await profiler.call('GetProfile', { key: { namespace, task } })
      return profile.outcomes
    }
    for (const name of ['raw', ...drivers.map(([name]) => name)]) {
      expect(await countOf(`of-${name}`), name).toEqual([{ outcome: 'OUTCOME_SUCCEEDED', count: expected }])
    }
    const all = expected * (drivers.length + 1)
    expect(await countOf('shared')).toEqual([{ outcome: 'OUTCOME_SUCCEEDED', count: all }])

    const query = { task: { namespace, task: 'shared' }, features: { n: 5 } }
    const raw = await until(
      (answer) => answer['estimate'].executions === all,
      () => estimator.call('Estimate', { query }),
    )
    expect(raw['estimate'].resources.memory_bytes).toBeGreaterThanOrEqual(1e8)
    for (const [name, driver] of drivers) {
      const target = pair.estimator.address
      const answer = await driver.perform({
        op: 'estimate',
        target,
        namespace,
        task: 'shared',
        features: { n: 5 },
      })
      expect(answer, name).toEqual({
        executions: all,
        memoryBytes: raw['estimate'].resources.memory_bytes,
        confidence: raw['estimate'].confidence,
      })
    }
  } finally {
    for (const [, driver] of drivers) await driver.stop()
    profiler.close()
    estimator.close()
  }
}, 120_000)
