import { rm } from 'node:fs/promises'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, describe, expect, test } from 'vitest'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import {
  openStream,
  type TestProfiler,
  testProfiler,
  unary,
  wireEnd,
  wireStart,
} from '../support/profiler-service.ts'
import { redisCluster, redisServer } from '../support/redis.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** Ends that are told from outside, of executions whose worker was killed. */

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

const [succeeded, outOfMemory, lost] = [1, 3, 7] as const
const killed = (executionId: string) => wireEnd(executionId, { outcome: outOfMemory, used: undefined })
const given = { allocated: { memoryBytes: 64e6 }, leaseMs: 200 }

async function serve(config: Partial<ProfilerConfig>): Promise<TestProfiler> {
  const service = await testProfiler(config)
  closers.push(() => service.stop())
  return service
}

const profileOf = async ({ client }: TestProfiler) => {
  const { profile } = await unary(client, 'getProfile', {
    key: { namespace: '', kind: 1, task: 'task' },
  })
  return profile
}

async function untilLost(service: TestProfiler, count = 1): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    const profile = await profileOf(service).catch(() => undefined)
    if (profile?.outcomes.some((each) => each.outcome === lost && each.count === count)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it was not lost')
}

const report = ({ client }: TestProfiler, executionId: string, start = false) =>
  unary(client, 'reportEnd', {
    end: killed(executionId),
    start: start ? wireStart(executionId, given) : undefined,
  })

const stores: Record<string, () => Promise<Partial<ProfilerConfig>>> = {
  memory: async () => ({ store: 'memory' }),
  file: async () => ({ store: 'file', dataDir: await folder() }),
  lmdb: async () => ({ store: 'lmdb', dataDir: await folder() }),
  redis: async () => {
    const server = await redisServer()
    closers.push(() => server.stop())
    return { store: 'redis', redisNodes: [server.node] }
  },
  'a redis cluster': async () => {
    const { nodes } = await redisCluster()
    closers.push(() => Promise.all(nodes.map((node) => node.stop())))
    return { store: 'redis', redisMode: 'cluster', redisNodes: nodes.map(({ node }) => node) }
  },
}

async function folder(): Promise<string> {
  const made = await temporaryDirectory()
  closers.push(() => rm(made, { recursive: true, force: true }))
  return made
}

describe.each(Object.entries(stores))('%s', (_, configOf) => {
  test('what was lost is corrected by the first of many late ends, and its bound is learned', async () => {
    const service = await serve(await configOf())
    const stream = await openStream(service.client, 'worker')
    stream.send({ sequence: 1, starts: [wireStart('a', given)] })
    await stream.durable(1)
    await stream.close()
    await untilLost(service)
    expect((await profileOf(service))?.executions).toEqual([])

    const answers = await Promise.all(Array.from({ length: 5 }, () => report(service, 'a')))
    expect(answers.filter(({ folded }) => folded)).toHaveLength(1)
    expect((await report(service, 'a')).folded).toBe(false)
    const profile = await profileOf(service)
    expect(profile?.outcomes).toEqual([{ outcome: outOfMemory, count: 1 }])
    expect(profile?.executions).toMatchObject([{ outcome: outOfMemory, allocated: { memoryBytes: 64e6 } }])
  })
})

describe('an execution in a stream of many, before its lease is over', () => {
  const open = async () => {
    const service = await serve({ store: 'memory' })
    const stream = await openStream(service.client, 'worker')
    const { leaseMs: _, ...longer } = given
    stream.send({ sequence: 1, starts: [wireStart('a', longer), wireStart('b', longer)] })
    await stream.durable(1)
    return { service, stream }
  }
  const outcomesOf = async (service: TestProfiler) => (await profileOf(service))?.outcomes

  test('is not found by its id alone, and the answer says what to send', async () => {
    const { service, stream } = await open()
    await expect(report(service, 'a')).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: expect.stringContaining('send its start too'),
    })
    stream.send({ sequence: 2, ends: [wireEnd('a')] })
    await stream.durable(2)
    expect(await outcomesOf(service)).toEqual([{ outcome: succeeded, count: 1 }])
    stream.call.cancel()
  })

  test('is ended with its start, and what its worker says later changes nothing', async () => {
    const { service, stream } = await open()
    expect((await report(service, 'a', true)).folded).toBe(true)
    stream.send({ sequence: 2, ends: [wireEnd('a'), wireEnd('b')] })
    await stream.durable(2)
    expect(await outcomesOf(service)).toEqual([
      { outcome: succeeded, count: 1 },
      { outcome: outOfMemory, count: 1 },
    ])
    stream.call.cancel()
  })

  test('is not lost as well, nor told twice, once its lease is over', async () => {
    const service = await serve({ store: 'memory' })
    const stream = await openStream(service.client, 'worker')
    stream.send({ sequence: 1, starts: [wireStart('a', given), wireStart('b', given)] })
    await stream.durable(1)
    expect((await report(service, 'a', true)).folded).toBe(true)
    await stream.close()
    await untilLost(service)
    expect((await report(service, 'a')).folded).toBe(false)
    expect((await report(service, 'a', true)).folded).toBe(false)
    expect(await outcomesOf(service)).toEqual([
      { outcome: outOfMemory, count: 1 },
      { outcome: lost, count: 1 },
    ])
  })
})

test('a late end outlives the profiler that closed the execution', async () => {
  const config = await (stores['lmdb'] as () => Promise<Partial<ProfilerConfig>>)()
  const first = await testProfiler(config)
  await unary(first.client, 'startProfiling', { start: wireStart('a', given) })
  await untilLost(first)
  await first.stop()
  const second = await serve(config)
  expect((await report(second, 'a')).folded).toBe(true)
  expect((await profileOf(second))?.outcomes).toEqual([{ outcome: outOfMemory, count: 1 }])
})

test('an execution that has a session of its own is ended before it is lost', async () => {
  const service = await serve({ store: 'memory' })
  const stream = await openStream(service.client, 'run:a')
  stream.send({ sequence: 1, starts: [wireStart('a')] })
  await stream.durable(1)
  expect((await report(service, 'a')).folded).toBe(true)
  expect((await profileOf(service))?.outcomes).toEqual([{ outcome: outOfMemory, count: 1 }])
  stream.call.cancel()
})

test('a worker whose batch was under way meanwhile is not told that it was stored', async () => {
  const service = await serve({ store: 'memory' })
  const stream = await openStream(service.client, 'run:a')
  stream.send({ sequence: 1, starts: [wireStart('a')] })
  await stream.durable(1)
  await report(service, 'a')
  const again = await openStream(service.client, 'run:a')
  // More than it can have sent: it tells all anew, in another session, and of that nothing is folded again.
  expect(again.opened.durableSequence).toBeGreaterThan(100_000)
  await again.close()
  const anew = await openStream(service.client, 'run:a-anew')
  anew.send({ sequence: 1, starts: [wireStart('a')], ends: [wireEnd('a')] })
  await anew.durable(1)
  await anew.close()
  expect((await profileOf(service))?.outcomes).toEqual([{ outcome: outOfMemory, count: 1 }])
})

test('an end that a worker has told is not changed', async () => {
  const service = await serve({ store: 'memory' })
  await unary(service.client, 'startProfiling', { start: wireStart('a') })
  await unary(service.client, 'endProfiling', { end: wireEnd('a'), start: undefined })
  expect((await report(service, 'a')).folded).toBe(false)
  expect((await report(service, 'a', true)).folded).toBe(false)
  expect((await profileOf(service))?.outcomes).toEqual([{ outcome: succeeded, count: 1 }])
})

test('with its start, one that nobody knows is complete in itself', async () => {
  const service = await serve({ store: 'memory' })
  await expect(report(service, 'a')).rejects.toMatchObject({ code: status.NOT_FOUND })
  expect((await report(service, 'a', true)).folded).toBe(true)
  expect((await report(service, 'a', true)).folded).toBe(false)
})

test('after the grace it stays lost', async () => {
  const service = await serve({ store: 'memory', lateEndGraceMs: 100 })
  await unary(service.client, 'startProfiling', { start: wireStart('a', given) })
  await untilLost(service)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  const late = await report(service, 'a').catch((error: ServiceError) => error)
  expect(late).not.toMatchObject({ folded: true })
  expect((await profileOf(service))?.outcomes).toEqual([{ outcome: lost, count: 1 }])
})

test('a loss that a worker reports itself may be corrected too', async () => {
  const service = await serve({ store: 'memory' })
  const stream = await openStream(service.client, 'next')
  stream.send({ sequence: 1, starts: [wireStart('a', given)], ends: [wireEnd('a', { outcome: lost })] })
  await stream.durable(1)
  await stream.close()
  expect((await report(service, 'a')).folded).toBe(true)
})

test('a loss that another worker has told of an execution still open in its own session is corrected', async () => {
  const service = await serve({ store: 'memory' })
  const own = await openStream(service.client, 'run:a')
  own.send({ sequence: 1, starts: [wireStart('a', { allocated: given.allocated })] })
  await own.durable(1)
  await own.close()
  const next = await openStream(service.client, 'run:next')
  next.send({ sequence: 1, starts: [wireStart('a', given)], ends: [wireEnd('a', { outcome: lost })] })
  await next.durable(1)
  await next.close()
  expect((await report(service, 'a')).folded).toBe(true)
  expect((await report(service, 'a')).folded).toBe(false)
  expect((await profileOf(service))?.outcomes).toEqual([{ outcome: outOfMemory, count: 1 }])
})
