import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { fingerprint } from '../../services/profiler/domain/fingerprint.ts'
import { keysOf } from '../../services/profiler/stores/redis-layout.ts'
import { profileId } from '../../shared/domain/profile.ts'
import { type TestProfiler, testProfiler, unary, wireRecord } from '../support/profiler-service.ts'
import {
  type RedisServer,
  redisCluster,
  redisSentinel,
  redisServer,
  untilReplicates,
  wireTo,
} from '../support/redis.ts'

/** Masters that die at a random moment while two profilers store: `make fault` says 50. */
const failovers = Number(process.env['FORESIZE_TEST_FAILOVERS'] ?? 3)

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function profilerOn(
  node: string | readonly string[],
  redisMode: 'single' | 'sentinel' | 'cluster',
  redisWaitReplicas: number,
): Promise<TestProfiler> {
  const profiler = await testProfiler({
    store: 'redis',
    redisMode,
    redisNodes: [node].flat(),
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
        if (!isDone) {
          // Where a call fails at once, this loop would let nothing else go on.
          await sleep(1)
          continue
        }
        acknowledged.set(id, task)
        break
      }
    }
  }
  const done = Promise.all(Array.from({ length: 6 }, report))
  const stop = async () => {
    isStopped = true
    await done
  }
  cleanups.push(stop)
  return { acknowledged, stop }
}

/** Every execution that was acknowledged is in its profile on that server, and none twice. */
async function expectKept(
  { client }: TestProfiler,
  acknowledged: ReadonlyMap<string, string>,
): Promise<void> {
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

test(`of ${failovers} masters that die, with networks cut before, no acknowledged execution is lost`, {
  timeout: 60_000 + failovers * 10_000,
}, async () => {
  for (let i = 0; i < failovers; i++) {
    const master = await redisServer()
    cleanups.push(() => master.stop())
    const link = await wireTo(master.port)
    cleanups.push(() => link.close())
    const replica = await redisServer(['--replicaof', link.node.replace(':', ' ')])
    cleanups.push(() => replica.stop())
    await untilReplicates(replica)
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
    await expectKept(await profilerOn(replica.node, 'single', 0), acknowledged)
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
})

test('under sentinels no acknowledged execution is lost', {
  timeout: 60_000 + failovers * 20_000,
}, async () => {
  let kept = 0
  for (let i = 0; i < failovers; i++) {
    const { master, replica, node, stop: stopAll } = await redisSentinel()
    cleanups.push(stopAll)
    const profilers = [await profilerOn(node, 'sentinel', 1), await profilerOn(node, 'sentinel', 1)]
    const { acknowledged, stop } = reporting(profilers)
    while (acknowledged.size < 20) await sleep(5)
    await sleep(random(300))
    await master.kill('SIGKILL')
    // Sentinels cut every connection to a server that they promote.
    const role = () => replica.command('INFO', 'replication').catch(() => '')
    while (!String(await role()).includes('role:master')) await sleep(50)
    await stop()
    await expectKept(await profilerOn(replica.node, 'single', 0), acknowledged)
    kept += acknowledged.size
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  process.stdout.write(`sentinels: ${failovers} fail-overs, ${kept} acknowledged executions, none lost\n`)
})

/** The tasks' profiles lie in these slots. */
async function slotsOf(node: RedisServer): Promise<readonly string[]> {
  const keys = tasks.map((task) => profileId({ namespace: 'default', kind: 'task', task }))
  const slots = keys.map((key) => node.command('CLUSTER', 'KEYSLOT', keysOf(key).profile(key)))
  return (await Promise.all(slots)).map(String)
}

/** The master of a slot, as it tells itself: others may not know of the last move. */
async function ownerOf(slot: string, nodes: readonly RedisServer[]): Promise<RedisServer> {
  for (;;) {
    for (const node of nodes) {
      const reply = await node.command('CLUSTER', 'SLOTS').catch(() => [])
      const range = (reply as [number, number, [string, number]][]).find(
        ([from, to]) => from <= Number(slot) && Number(slot) <= to,
      )
      if (range?.[2][1] === node.port) return node
    }
    await sleep(50)
  }
}

/** As `redis-cli --cluster reshard` does, key by key, while the slot is in use. */
async function moveSlot(slot: string, from: RedisServer, to: RedisServer): Promise<void> {
  const [source, target] = [
    String(await from.command('CLUSTER', 'MYID')),
    String(await to.command('CLUSTER', 'MYID')),
  ]
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source)
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target)
  for (;;) {
    const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '2')) as string[]
    if (keys.length === 0) break
    await from.command('MIGRATE', '127.0.0.1', `${to.port}`, '', '0', '5000', 'REPLACE', 'KEYS', ...keys)
    await sleep(random(5))
  }
  for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', target)
  // What was moved is on no replica of its new master yet, whoever acknowledged it before.
  await to.command('WAIT', '1', '5000')
}

test('in a cluster no acknowledged execution is lost while slots move and masters die', {
  timeout: 60_000 + failovers * 10_000,
}, async () => {
  let [moves, deaths] = [0, 0]
  for (let i = 0; i < Math.ceil(failovers / 10); i++) {
    const { nodes, stop: stopAll } = await redisCluster(1)
    cleanups.push(stopAll)
    const addresses = nodes.map(({ node }) => node)
    const profilers = [await profilerOn(addresses, 'cluster', 1), await profilerOn(addresses, 'cluster', 1)]
    const { acknowledged, stop } = reporting(profilers)
    while (acknowledged.size < 20) await sleep(5)
    const masters = nodes.slice(0, 3)
    const slots = await slotsOf(masters[0] as RedisServer)
    for (const slot of [...slots, ...slots]) {
      const from = await ownerOf(slot, masters)
      const others = masters.filter((master) => master !== from)
      await moveSlot(slot, from, others[random(others.length)] as RedisServer)
      moves += 1
      await sleep(random(100))
    }
    const dying = await ownerOf(slots[0] as string, masters)
    await dying.kill('SIGKILL')
    deaths += 1
    const left = nodes.filter((node) => node !== dying)
    await ownerOf(slots[0] as string, left)
    // The new master has nobody to confirm what is written until the old one is back, as its replica.
    await dying.restart()
    const before = acknowledged.size
    while (acknowledged.size < before + 20) await sleep(5)
    await stop()
    await expectKept(
      await profilerOn(
        left.map(({ node }) => node),
        'cluster',
        0,
      ),
      acknowledged,
    )
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  process.stdout.write(
    `a cluster: ${moves} slots moved, ${deaths} masters killed, nothing acknowledged was lost\n`,
  )
})
