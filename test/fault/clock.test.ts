import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { afterAll, expect, test } from 'vitest'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { faultEnvironment } from '../support/faults.ts'
import { profilerProcess } from '../support/profiler-process.ts'
import { countOf, openStream, unary, wireEnd, wireRecord, wireStart } from '../support/profiler-service.ts'
import { redisServer } from '../support/redis.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** They wait for what must not come, so they do it together: each has a profiler of its own. */
const cleanups: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const hour = 3600
const day = 24 * hour

/** A profiler on a disk, and the wall clock that it sees. */
async function profilerWithClock() {
  const folder = await temporaryDirectory()
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const clock = join(folder, 'clock')
  const step = (seconds: number) => writeFile(clock, `${seconds}`)
  await step(0)
  const profiler = await profilerProcess(['--data-dir', join(folder, 'data')])
  const start = async () => profiler.start(await faultEnvironment({ folder, clock }))
  await start()
  cleanups.push(() => profiler.kill())
  const client = new ProfilerServiceClient(profiler.address, credentials.createInsecure())
  cleanups.push(async () => client.close())
  return { client, step, restart: () => profiler.kill().then(start) }
}

const running = Array.from({ length: 5 }, (_, i) => `running-${i}`)

test.concurrent.each([
  ['ahead by two hours and back', [2 * hour, 0]],
  ['back by three hours', [-3 * hour]],
  ['ahead by 200 days, beyond the life of a profile', [200 * day]],
])('a wall clock that goes %s closes, forgets and decays nothing', async (_, steps) => {
  const { client, step } = await profilerWithClock()
  await unary(client, 'updateProfile', { executions: [wireRecord('before', { weight: 100 })] })
  await unary(client, 'startProfiling', { start: wireStart('called') })
  const stream = await openStream(client, 'live')
  stream.send({ sequence: 1, starts: running.map((id) => wireStart(id)) })
  await stream.durable(1)
  for (const seconds of steps) {
    await step(seconds)
    await sleep(2500)
  }
  stream.send({ sequence: 2, ends: running.map((id) => wireEnd(id)) })
  await stream.durable(2)
  expect(stream.received.filter(({ $case }) => $case === 'rejection')).toEqual([])
  expect(await unary(client, 'endProfiling', { end: wireEnd('called'), start: undefined })).toMatchObject({
    folded: true,
  })
  await stream.close()
  expect(await countOf(client)).toBe(100 + running.length + 1)
  const { profile } = await unary(client, 'getProfile', { key: { namespace: '', kind: 1, task: 'task' } })
  expect(profile?.statistics[0]?.weight).toBeCloseTo(100 + running.length + 1, 1)
})

test.concurrent('a profiler that is started again under another wall clock gives every client its lease anew', async () => {
  const { client, step, restart } = await profilerWithClock()
  const stream = await openStream(client, 'live')
  stream.send({ sequence: 1, starts: [wireStart('open')] })
  await stream.durable(1)
  const idle = await openStream(client, 'idle')
  idle.send({ sequence: 1, starts: [wireStart('brief')], ends: [wireEnd('brief')] })
  await idle.durable(1)
  stream.call.cancel()
  idle.call.cancel()
  await step(2 * day)
  await restart()
  await sleep(2500)
  const [resumed, idleAgain] = [await openStream(client, 'live'), await openStream(client, 'idle')]
  expect([resumed.opened.durableSequence, idleAgain.opened.durableSequence]).toEqual([1, 1])
  resumed.send({ sequence: 2, ends: [wireEnd('open')] })
  await resumed.durable(2)
  expect(resumed.received.filter(({ $case }) => $case === 'rejection')).toEqual([])
})

test.concurrent.each([
  ['ahead', hour],
  ['behind', -hour],
])(
  'a profiler whose clock is an hour %s leaves alone what runs at another one on the same redis',
  async (_, seconds) => {
    const folder = await temporaryDirectory()
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    const server = await redisServer()
    cleanups.push(() => server.stop())
    const flags = ['--store', 'redis', '--redis-nodes', server.node]
    const [right, wrong] = [await profilerProcess(flags), await profilerProcess(flags)]
    for (const profiler of [right, wrong]) cleanups.push(() => profiler.kill())
    await right.start()
    const client = new ProfilerServiceClient(right.address, credentials.createInsecure())
    cleanups.push(async () => client.close())
    const stream = await openStream(client, 'live')
    stream.send({ sequence: 1, starts: running.map((id) => wireStart(id)) })
    await stream.durable(1)
    const clock = join(folder, 'clock')
    await writeFile(clock, `${seconds}`)
    await wrong.start(await faultEnvironment({ folder, clock }))
    // Each looks every second for what is due.
    await sleep(3000)
    stream.send({ sequence: 2, ends: running.map((id) => wireEnd(id)) })
    await stream.durable(2)
    expect(stream.received.filter(({ $case }) => $case === 'rejection')).toEqual([])
    await stream.close()
    expect(await countOf(client)).toBe(running.length)
  },
)
