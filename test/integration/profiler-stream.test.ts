import { rm } from 'node:fs/promises'
import { status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import {
  countOf,
  eventually,
  openStream,
  type TestProfiler,
  testProfiler,
  unary,
  wireEnd,
  wireStart,
} from '../support/profiler-service.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function profiler(given: Partial<ProfilerConfig> = { store: 'memory' }): Promise<TestProfiler> {
  const started = await testProfiler(given)
  cleanups.push(() => started.stop())
  return started
}

async function lmdbDirectory(): Promise<string> {
  const dataDir = await temporaryDirectory()
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

const samplesOf = (executionId: string, memoryBytes: readonly number[]) => ({
  executionId,
  elapsedDeltaMs: memoryBytes.map(() => 100),
  cpuCores: memoryBytes.map(() => 2),
  memoryBytes: [...memoryBytes],
})

test('an execution that was streamed is in its profile once its end is acknowledged', async () => {
  const { client } = await profiler()
  const stream = await openStream(client, 's')
  expect(stream.opened).toMatchObject({ durableSequence: 0, durability: 1 })
  stream.send({ sequence: 1, starts: [wireStart('a', { features: { input_bytes: 5 } })] })
  stream.send({ sequence: 2, samples: [samplesOf('a', [1e6, 3e6, 2e6])] })
  stream.send({ sequence: 3, ends: [wireEnd('a', { used: {} })] })
  await stream.durable(3)
  const { profile } = await unary(client, 'getProfile', {
    key: { namespace: '', kind: 0, task: 'task' },
  })
  expect(profile?.executions[0]).toMatchObject({
    executionId: 'a',
    features: { input_bytes: 5 },
    used: { cpuCores: 2, memoryBytes: 3e6, durationMs: 300 },
    outcome: 1,
  })
  await stream.close()
})

test('a session goes on after a reconnect: what was stored is ignored, what was not is taken', async () => {
  const { client } = await profiler()
  const first = await openStream(client, 's')
  first.send({ sequence: 1, starts: [wireStart('a'), wireStart('b')] })
  first.send({ sequence: 2, ends: [wireEnd('a')] })
  await first.durable(2)
  first.call.cancel()
  await first.ended

  const second = await openStream(client, 's')
  expect(second.opened.durableSequence).toBe(2)
  second.send({ sequence: 2, ends: [wireEnd('a')] })
  await second.durable(2)
  second.send({ sequence: 3, ends: [wireEnd('b')] })
  await second.durable(3)
  expect(second.received.filter(({ $case }) => $case === 'rejection')).toEqual([])
  expect(await countOf(client)).toBe(2)
  await second.close()
})

test('a gap ends the stream with FAILED_PRECONDITION and takes nothing', async () => {
  const { client } = await profiler()
  const stream = await openStream(client, 's')
  stream.send({ sequence: 2, starts: [wireStart('a')], ends: [wireEnd('a')] })
  expect(await stream.ended).toBe(status.FAILED_PRECONDITION)
  expect(await countOf(client)).toBe(0)
})

test('a bad event is refused by field, all else in its batch is taken, and the stream lives on', async () => {
  const { client } = await profiler()
  const stream = await openStream(client, 's')
  stream.send({
    sequence: 1,
    starts: [
      wireStart('a'),
      wireStart('b', { task: { task: '' } }),
      wireStart('x'.repeat(300)),
      wireStart('c'),
    ],
    samples: [samplesOf('a', [1, Number.NaN]), samplesOf('c', [7])],
    ends: [
      wireEnd('a', { used: { memoryBytes: -1 } }),
      wireEnd('c', { outcome: 99 as never }),
      wireEnd('none'),
    ],
  })
  stream.send({ sequence: 2, ends: [wireEnd('a'), wireEnd('c')] })
  await stream.durable(2)
  const refused = stream.received.flatMap((message) => (message.$case === 'rejection' ? [message.value] : []))
  expect(refused.map(({ violations }) => violations[0]?.field)).toEqual([
    'starts[1].task.task',
    'starts[2].execution_id',
    'samples[0].memory_bytes[1]',
    'ends[0].used.memory_bytes',
    'ends[1].outcome',
    'ends[2].execution_id',
  ])
  expect(refused.every(({ sequence }) => sequence === 1)).toBe(true)
  expect(await countOf(client)).toBe(2)
  await stream.close()
})

test('what is refused of a batch is told before the batch is acknowledged', async () => {
  const { client } = await profiler()
  const stream = await openStream(client, 's')
  const batches = 100
  for (let sequence = 1; sequence <= batches; sequence++) {
    stream.send({ sequence, ends: [wireEnd(`never began ${sequence}`)] })
    if (sequence % 7 === 0) await stream.durable(sequence)
  }
  await stream.durable(batches)
  let refused = 0
  for (const { $case, value } of stream.received) {
    if ($case === 'rejection') refused = value.sequence
    if ($case === 'acknowledgement') expect(value.durableSequence).toBeLessThanOrEqual(refused)
  }
  expect(refused).toBe(batches)
  await stream.close()
})

test.each([
  ['a batch before open', { sequence: 1 }],
  ['sequence 0', { sequence: 0 }],
])('%s ends the stream with INVALID_ARGUMENT', async (what, batch) => {
  const { client } = await profiler()
  if (what === 'sequence 0') {
    const stream = await openStream(client, 's')
    stream.send(batch)
    expect(await stream.ended).toBe(status.INVALID_ARGUMENT)
    return
  }
  const call = client.streamUsage()
  const ended = new Promise<number>((resolve) =>
    call.on('error', (error) => resolve((error as { code?: number }).code ?? -1)),
  )
  call.on('data', () => undefined)
  call.write({ message: { $case: 'batch', value: { ...batch, starts: [], samples: [], ends: [] } } })
  expect(await ended).toBe(status.INVALID_ARGUMENT)
})

test('whoever opens a session last has it: the stream before ends with ABORTED and nothing counts twice', async () => {
  const { client } = await profiler()
  const first = await openStream(client, 's')
  first.send({ sequence: 1, starts: [wireStart('a')], ends: [wireEnd('a')] })
  await first.durable(1)
  const second = await openStream(client, 's')
  expect(second.opened.durableSequence).toBe(1)
  second.send({ sequence: 2, starts: [wireStart('b')], ends: [wireEnd('b')] })
  await second.durable(2)
  first.send({ sequence: 2, starts: [wireStart('b')], ends: [wireEnd('b')] })
  expect(await first.ended).toBe(status.ABORTED)
  expect(await countOf(client)).toBe(2)
  await second.close()
})

test('open executions outlive the service', async () => {
  const dataDir = await lmdbDirectory()
  const before = await profiler({ store: 'lmdb', dataDir })
  const stream = await openStream(before.client, 's')
  expect(stream.opened.durability).toBe(2)
  stream.send({ sequence: 1, starts: [wireStart('a')], samples: [samplesOf('a', [9e6])] })
  await stream.durable(1)
  await before.stop()

  const after = await profiler({ store: 'lmdb', dataDir })
  const resumed = await openStream(after.client, 's')
  expect(resumed.opened.durableSequence).toBe(1)
  resumed.send({ sequence: 2, samples: [samplesOf('a', [2e6])], ends: [wireEnd('a', { used: {} })] })
  await resumed.durable(2)
  const { profile } = await unary(after.client, 'getProfile', {
    key: { namespace: '', kind: 0, task: 'task' },
  })
  expect(profile?.executions[0]?.used).toMatchObject({ memoryBytes: 9e6, durationMs: 200 })
  await resumed.close()
})

test('stopping ends a stream with UNAVAILABLE after all that it sent is acknowledged', async () => {
  const { client, stop } = await profiler()
  const stream = await openStream(client, 's')
  for (let sequence = 1; sequence <= 20; sequence++) {
    stream.send({ sequence, starts: [wireStart(`e${sequence}`)], ends: [wireEnd(`e${sequence}`)] })
  }
  await stream.durable(1)
  const stopped = stop()
  expect([status.UNAVAILABLE, status.CANCELLED]).toContain(await stream.ended)
  await stopped
})

const outcomesOf = async ({ client }: TestProfiler) => {
  const { profile } = await unary(client, 'getProfile', {
    key: { namespace: '', kind: 0, task: 'task' },
  })
  return profile?.outcomes ?? []
}

test('an execution that falls silent is lost after its lease, and only counted', async () => {
  const service = await profiler({ store: 'memory', defaultLeaseMs: 300 })
  const stream = await openStream(service.client, 's')
  stream.send({ sequence: 1, starts: [wireStart('patient', { leaseMs: 600_000 }), wireStart('silent')] })
  await stream.durable(1)
  await eventually(async () => (await countOf(service.client)) === 1)
  expect(await outcomesOf(service)).toEqual([{ outcome: 7, count: 1 }])
  stream.send({ sequence: 2, ends: [wireEnd('silent'), wireEnd('patient')] })
  expect((await stream.next('rejection')).executionId).toBe('silent')
  await stream.durable(2)
  expect(await outcomesOf(service)).toEqual([
    { outcome: 1, count: 1 },
    { outcome: 7, count: 1 },
  ])
  await stream.close()
})

test('a lease runs on over a restart, counted from when somebody could hear', async () => {
  const dataDir = await lmdbDirectory()
  const before = await profiler({ store: 'lmdb', dataDir, defaultLeaseMs: 500 })
  const stream = await openStream(before.client, 's')
  stream.send({ sequence: 1, starts: [wireStart('a')] })
  await stream.durable(1)
  await before.stop()
  const after = await profiler({ store: 'lmdb', dataDir, defaultLeaseMs: 500 })
  await eventually(async () => (await countOf(after.client)) === 1)
  expect(await outcomesOf(after)).toEqual([{ outcome: 7, count: 1 }])
})

test('what runs is shown in the profile of its task until it ends', async () => {
  const service = await profiler({ store: 'memory', runningIntervalMs: 50 })
  const stream = await openStream(service.client, 's')
  const openedAtUnixMs = Date.now()
  stream.send({ sequence: 1, starts: [wireStart('a')], samples: [samplesOf('a', [5e6])] })
  await stream.durable(1)
  const running = async () => {
    const { profile } = await unary(service.client, 'getProfile', {
      key: { namespace: '', kind: 0, task: 'task' },
    })
    return profile?.running ?? []
  }
  await eventually(async () => (await running().catch(() => [])).length === 1)
  const [shown] = await running()
  expect(shown).toMatchObject({ executionId: 'a', peak: { memoryBytes: 5e6, cpuCores: 2 } })
  const { startedAtUnixMs = 0, lastSeenUnixMs = 0 } = shown ?? {}
  expect(startedAtUnixMs).toBeGreaterThanOrEqual(openedAtUnixMs)
  expect(lastSeenUnixMs).toBeGreaterThanOrEqual(startedAtUnixMs)
  stream.send({ sequence: 2, ends: [wireEnd('a')] })
  await stream.durable(2)
  expect(await running()).toEqual([])
  await stream.close()
})

test('a namespace has so many profiles of tasks; the rest is folded into its own profile, other namespaces are untouched', async () => {
  const { client } = await profiler({ store: 'memory', maxTasksPerNamespace: 5, cohortLabels: [] })
  const stream = await openStream(client, 's')
  const ids = Array.from({ length: 200 }, (_, i) => `e${i}`)
  stream.send({
    sequence: 1,
    starts: [
      ...ids.map((id) => wireStart(id, { task: { namespace: 'flood', task: `task-${id}` } })),
      wireStart('calm', { task: { namespace: 'calm', task: 'task' } }),
    ],
    ends: [...ids, 'calm'].map((id) => wireEnd(id)),
  })
  await stream.durable(1)
  const list = (namespace: string, kind: 1 | 3) =>
    unary(client, 'listProfiles', {
      namespace,
      kind,
      taskPrefix: '',
      pageSize: 1000,
      pageToken: '',
    })
  expect((await list('flood', 1)).profiles).toHaveLength(5)
  expect((await list('flood', 3)).profiles[0]?.outcomes).toEqual([{ outcome: 1, count: 195 }])
  expect(await countOf(client, 'task', 'calm')).toBe(1)
  await stream.close()
})

test('a task that runs very often is asked for a fraction, and what is reported counts for the rest', async () => {
  const { client } = await profiler({ store: 'memory', maxReportedPerSecond: 5 })
  const stream = await openStream(client, 's')
  const ids = Array.from({ length: 900 }, (_, i) => `e${i}`)
  stream.send({ sequence: 1, starts: ids.map((id) => wireStart(id)), ends: ids.map((id) => wireEnd(id)) })
  const { task, executionFraction } = await stream.next('sampling')
  expect(task).toMatchObject({ task: 'task' })
  expect(executionFraction).toBeLessThan(1)
  stream.send({
    sequence: 2,
    starts: [wireStart('x', { weight: 1 / executionFraction })],
    ends: [wireEnd('x')],
  })
  await stream.durable(2)
  expect(await countOf(client)).toBe(900 + 1 / executionFraction)
  await stream.close()
})
