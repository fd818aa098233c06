import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { fingerprint } from '../../services/profiler/domain/fingerprint.ts'
import { type TestProfiler, testProfiler, unary, wireRecord } from '../support/profiler-service.ts'
import { type RedisServer, redisSentinel, redisServer, wireTo } from '../support/redis.ts'

/** Masters that die at a random moment while two profilers store: `make fault` says 50. */
const failovers = Number(process.env['FORESIZE_TEST_FAILOVERS'] ?? 3)

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function profilerOn(
  node: string,
  redisMode: 'single' | 'sentinel',
  redisWaitReplicas: number,
): Promise<TestProfiler> {
  const profiler = await testProfiler({
    store: 'redis',
    redisMode,
    redisNodes: [node],
    redisWaitReplicas,
    redisTimeoutMs: 400,
    breakerMinCalls: 100_000,
    drainMs: 100,
  })
  cleanups.push(() => profiler.stop())
  return profiler
}

const tasks = ['hot', 'warm']

/** Reports until told to stop, each execution at one profiler and, until it is acknowledged, again at the other. */
function reporting(profilers: readonly TestProfiler[]) {
  const acknowledged = new Map<string, string>()
  let isStopped = false
  let next = 0
  async function report(): Promise<void> {
    while (!isStopped) {
      const id = `e${next++}`
      const task = tasks[next % tasks.length] as string
      for (let tries = 0; tries < 6 && !isStopped; tries++) {
        const { client } = profilers[(next + tries) % profilers.length] as TestProfiler
        const executions = [wireRecord(id, { task: { task } })]
        const isDone = await unary(client, 'updateProfile', { executions }).then(
          () => true,
          () => false,
        )
        if (!isDone) continue
        acknowledged.set(id, task)
        break
      }
    }
  }
  const done = Promise.all(Array.from({ length: 6 }, report))
  return {
    acknowledged,
    async stop() {
      isStopped = true
      await done
    },
  }
}

/** Every execution that was acknowledged is in its profile on that server, and none twice. */
async function expectKept(server: RedisServer, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  const { client } = await profilerOn(server.node, 'single', 0)
  let found = 0
  for (const task of tasks) {
    const ids = [...acknowledged].flatMap(([id, of]) => (of === task ? [id] : []))
    const { profile } = await unary(client, 'getProfile', { key: { namespace: '', kind: 1, task } }).catch(
      () => ({ profile: undefined }),
    )
    const folded = new Set(profile?.folded)
    expect(ids.filter((id) => !folded.has(fingerprint(id)))).toEqual([])
    const count = profile?.outcomes.reduce((sum, each) => sum + each.count, 0) ?? 0
    expect(count).toBe(folded.size)
    found += count
  }
  expect(found).toBeGreaterThanOrEqual(acknowledged.size)
}

const random = (most: number) => Math.floor(Math.random() * most)

test(`of ${failovers} masters that die, with networks cut before, no acknowledged execution is lost`, async () => {
  for (let i = 0; i < failovers; i++) {
    const master = await redisServer()
    cleanups.push(() => master.stop())
    const link = await wireTo(master.port)
    cleanups.push(() => link.close())
    const replica = await redisServer(['--replicaof', link.node.replace(':', ' ')])
    cleanups.push(() => replica.stop())
    while (!String(await replica.command('INFO', 'replication')).includes('master_link_status:up'))
      await sleep(20)
    const wires = [await wireTo(master.port), await wireTo(master.port)]
    for (const wire of wires) cleanups.push(() => wire.close())
    const profilers = []
    for (const wire of wires) profilers.push(await profilerOn(wire.node, 'single', 1))
    const { acknowledged, stop } = reporting(profilers)
    while (acknowledged.size < 20) await sleep(5)
    await sleep(random(100))
    // The link to the replica stalls, without an end.
    if (i % 2 === 0) link.delay(60_000)
    await sleep(random(150))
    for (const wire of wires) {
      wire.cut()
      wire.mend()
      await sleep(random(30))
    }
    await sleep(random(200))
    await master.kill('SIGKILL')
    await stop()
    await replica.command('REPLICAOF', 'NO', 'ONE')
    await expectKept(replica, acknowledged)
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
})

test('under sentinels no acknowledged execution is lost', async () => {
  for (let i = 0; i < Math.ceil(failovers / 10); i++) {
    const { master, replica, node, stop: stopAll } = await redisSentinel()
    cleanups.push(stopAll)
    const profilers = [await profilerOn(node, 'sentinel', 1), await profilerOn(node, 'sentinel', 1)]
    const { acknowledged, stop } = reporting(profilers)
    while (acknowledged.size < 20) await sleep(5)
    await sleep(random(300))
    await master.kill('SIGKILL')
    while (!String(await replica.command('INFO', 'replication')).includes('role:master')) await sleep(50)
    await stop()
    await expectKept(replica, acknowledged)
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
})
