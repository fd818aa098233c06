import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { credentials } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type FaultCall, faultEnvironment } from '../support/faults.ts'
import { type ProfilerProcess, profilerProcess } from '../support/profiler-process.ts'
import { eventually, unary } from '../support/profiler-service.ts'
import { redisServer } from '../support/redis.ts'
import { type SteadyClient, steadyClient } from '../support/steady-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** Kills of each store: `make fault` says 500. */
const kills = Number(process.env['FORESIZE_TEST_KILLS'] ?? 4)

/**
 * A process that is killed never stores what Node has compiled: one that ends by itself does so for all, and each start
 * takes half as long.
 */
const compileCache = await temporaryDirectory()
beforeAll(async () => {
  vi.stubEnv('NODE_COMPILE_CACHE', compileCache)
  await promisify(execFile)(process.execPath, ['services/profiler/main.ts', '--help'])
})
afterAll(() => rm(compileCache, { recursive: true, force: true }))

/** Kills at each named point. */
const killsAtPoint = Math.ceil(kills / 20)

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const durableStores = ['lmdb', 'file', 'redis'] as const

async function processOn(
  store: (typeof durableStores)[number],
): Promise<ProfilerProcess & { readonly folder: string }> {
  const folder = await temporaryDirectory()
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const flags = ['--store', store, '--data-dir', folder]
  if (store === 'redis') {
    const server = await redisServer()
    cleanups.push(() => server.stop())
    flags.push('--redis-nodes', server.node)
  }
  const profiler = await profilerProcess(flags)
  cleanups.push(() => profiler.kill())
  return { ...profiler, folder }
}

const tasks = 4

/** Each has told an execution already: one that began only now might end with nothing told. */
async function clientsOf(...profilers: readonly ProfilerProcess[]): Promise<readonly SteadyClient[]> {
  const clients = Array.from({ length: tasks }, (_, i) =>
    steadyClient({
      addresses: profilers.map(({ address }) => address),
      sessionId: `s${i}`,
      task: `task-${i}`,
      executionsPerBatch: 3,
      window: 8,
    }),
  )
  await eventually(async () => clients.every(({ made }) => made() > 0))
  return clients
}

/** Every execution that was made is in its profile, exactly once. Returns how many there are. */
async function expectExactlyOnce(
  profiler: ProfilerProcess,
  clients: readonly SteadyClient[],
): Promise<number> {
  await Promise.all(clients.map((client) => client.finish()))
  const client = new ProfilerServiceClient(profiler.address, credentials.createInsecure())
  cleanups.push(async () => client.close())
  let total = 0
  for (const [i, { made, acknowledged, refusals }] of clients.entries()) {
    const { profile } = await unary(client, 'getProfile', {
      key: { namespace: '', kind: 1, task: `task-${i}` },
    })
    expect(refusals).toEqual([])
    expect(acknowledged()).toBe(made())
    expect(profile?.outcomes).toEqual([{ outcome: 1, count: made() }])
    expect(new Set(profile?.folded).size).toBe(profile?.folded.length)
    expect(profile?.folded).toHaveLength(Math.min(made(), 4096))
    expect(profile?.statistics[1]).toMatchObject({ dimension: 2, min: 2e6, max: 2e6 })
    total += made()
  }
  return total
}

test.each(durableStores)(
  'killed at random moments under load, %s has every acknowledged execution exactly once and is ready again each time',
  { timeout: 60_000 + kills * 20_000 },
  async (store) => {
    const profiler = await processOn(store)
    await profiler.start()
    const clients = await clientsOf(profiler)
    let slowestMs = 0
    for (let i = 0; i < kills; i++) {
      await sleep(50 + Math.random() * 400)
      await profiler.kill()
      slowestMs = Math.max(slowestMs, (await profiler.start()) ?? Number.POSITIVE_INFINITY)
    }
    const executions = await expectExactlyOnce(profiler, clients)
    const failures = clients.reduce((sum, client) => sum + client.failures(), 0)
    process.stdout.write(
      `${store}: ${kills} kills, ${failures} broken streams, ${executions} executions, ready after at most ${slowestMs.toFixed(0)} ms\n`,
    )
    expect(slowestMs).toBeLessThan(Number.POSITIVE_INFINITY)
    expect(failures).toBeGreaterThan(0)
  },
)

test('two replicas on one redis, killed in turn while their workers move between them: exactly once all the same', {
  timeout: 60_000 + kills * 20_000,
}, async () => {
  const server = await redisServer()
  cleanups.push(() => server.stop())
  const flags = ['--store', 'redis', '--redis-nodes', server.node]
  const replicas = [await profilerProcess(flags), await profilerProcess(flags)] as const
  for (const replica of replicas) {
    cleanups.push(() => replica.kill())
    await replica.start()
  }
  const clients = await clientsOf(...replicas)
  for (let i = 0; i < kills; i++) {
    const replica = replicas[i % 2 === 0 ? 0 : 1]
    await sleep(50 + Math.random() * 400)
    await replica.kill()
    await sleep(Math.random() * 300)
    await replica.start()
  }
  const executions = await expectExactlyOnce(replicas[0], clients)
  process.stdout.write(`2 replicas on one redis: ${kills} kills in turn, ${executions} executions\n`)
})

const points: readonly { store: 'lmdb' | 'file'; when: 'before' | 'after'; call: FaultCall }[] = [
  ...(['before', 'after'] as const).flatMap((when) => [
    { store: 'lmdb' as const, when, call: 'write' as const },
    { store: 'lmdb' as const, when, call: 'fsync' as const },
    { store: 'file' as const, when, call: 'write' as const },
    { store: 'file' as const, when, call: 'fsync' as const },
    { store: 'file' as const, when, call: 'rename' as const },
  ]),
]

test.each(points)(
  'killed $when a $call, $store has the old state or the new, never a mixture',
  { timeout: 60_000 + killsAtPoint * 20_000 },
  async ({ store, when, call }) => {
    const profiler = await processOn(store)
    await profiler.start()
    const clients = await clientsOf(profiler)
    for (let i = 0; i < killsAtPoint; i++) {
      const nth = 8 + Math.floor(Math.random() * 40)
      await profiler.kill()
      const fault = await faultEnvironment({ folder: profiler.folder, kill: { when, call, nth } })
      await profiler.start(fault)
      await diedByItself(profiler)
    }
    await profiler.start()
    await expectExactlyOnce(profiler, clients)
    expect(profiler.log()).not.toMatch(/damaged/)
  },
)

/** The fault has struck: the process killed itself under the load of the clients. */
async function diedByItself(profiler: ProfilerProcess): Promise<void> {
  const child = profiler.child()
  while (child.exitCode === null && child.signalCode === null) await sleep(10)
  expect(child.signalCode).toBe('SIGKILL')
}
