import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { isServing } from '../../cli/health-check.ts'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import {
  countOf,
  eventually,
  openStream,
  type TestProfiler,
  testProfiler,
  unary,
  wireEnd,
  wireRecord,
  wireStart,
} from '../support/profiler-service.ts'
import { redisSentinel, redisServer, untilAnswers, wireTo } from '../support/redis.ts'
import { steadyClient } from '../support/steady-client.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function server(options: readonly string[] = []) {
  const started = await redisServer(options)
  cleanups.push(() => started.stop())
  return started
}

async function profilerOn(
  redisNodes: readonly string[],
  given: Partial<ProfilerConfig> = {},
): Promise<TestProfiler> {
  const started = await testProfiler({
    store: 'redis',
    redisNodes: [...redisNodes],
    redisTimeoutMs: 1000,
    breakerResetMs: 200,
    drainMs: 500,
    ...given,
  })
  cleanups.push(() => started.stop())
  return started
}

const workerOf = (...profilers: TestProfiler[]) =>
  steadyClient({
    addresses: profilers.map(({ address }) => address),
    sessionId: 's',
    task: 'task',
    executionsPerBatch: 3,
    window: 8,
  })

const update = ({ client }: TestProfiler, id: string) =>
  unary(client, 'updateProfile', { executions: [wireRecord(id, { task: { task: 'called' } })] })

/** While Redis is away calls fail, soon at once; when it is back all is well, and nothing was lost or counted twice. */
async function expectOutage(
  profiler: TestProfiler,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
  outageMs: number,
) {
  const worker = workerOf(profiler)
  await eventually(async () => worker.acknowledged() > 30)
  await begin()
  const refused = update(profiler, 'meanwhile').then(
    () => 'taken',
    (error: Error) => error.message,
  )
  expect(await refused).toMatch(/profile store fail/)
  // The breaker is open: who calls now does not wait for the deadline of Redis.
  const messages: string[] = []
  for (const endMs = performance.now() + outageMs; performance.now() < endMs; ) {
    await update(profiler, 'meanwhile').catch((error: Error) => messages.push(error.message))
    await sleep(20)
  }
  expect(messages.join('\n')).toContain('it is tried again shortly')
  const acknowledged = worker.acknowledged()
  await end()
  await eventually(async () => worker.acknowledged() > acknowledged + 30)
  await eventually(async () =>
    update(profiler, 'meanwhile').then(
      () => true,
      () => false,
    ),
  )
  await worker.finish()
  expect(worker.refusals).toEqual([])
  expect(worker.failures()).toBeGreaterThan(0)
  expect(await countOf(profiler.client)).toBe(worker.made())
  expect(await countOf(profiler.client, 'called')).toBe(1)
}

test('redis killed and restarted: no acknowledged loss with its append-only file, no duplicate', {
  timeout: 60_000,
}, async () => {
  const redis = await server()
  const profiler = await profilerOn([redis.node])
  await expectOutage(
    profiler,
    () => redis.kill('SIGKILL'),
    () => redis.restart(),
    6000,
  )
})

test('redis frozen for 10 s: callers are told at once, then all goes on', { timeout: 90_000 }, async () => {
  const redis = await server()
  const profiler = await profilerOn([redis.node])
  const freeze = async () => redis.process().kill('SIGSTOP')
  const thaw = async () => redis.process().kill('SIGCONT')
  await expectOutage(profiler, freeze, thaw, 10_000)
})

test('redis cut off and back', { timeout: 60_000 }, async () => {
  const redis = await server()
  const wire = await wireTo(redis.port)
  cleanups.push(() => wire.close())
  const profiler = await profilerOn([wire.node])
  await expectOutage(
    profiler,
    async () => wire.cut(),
    async () => wire.mend(),
    6000,
  )
})

test('redis 200 ms away: slower, and nothing else', { timeout: 60_000 }, async () => {
  const redis = await server()
  const wire = await wireTo(redis.port)
  cleanups.push(() => wire.close())
  const profiler = await profilerOn([wire.node], { redisTimeoutMs: 5000 })
  const worker = workerOf(profiler)
  await eventually(async () => worker.acknowledged() > 30)
  wire.delay(100)
  const acknowledged = worker.acknowledged()
  await eventually(async () => worker.acknowledged() > acknowledged + 30)
  await worker.finish()
  expect(worker.failures()).toBe(0)
  wire.delay(0)
  expect(await countOf(profiler.client)).toBe(worker.made())
})

test('a failover by sentinels: what a replica has confirmed is not lost, and nothing counts twice', {
  timeout: 90_000,
}, async () => {
  const set = await redisSentinel()
  cleanups.push(() => set.stop())
  const profiler = await profilerOn([set.node], { redisMode: 'sentinel', redisWaitReplicas: 1 })
  const worker = workerOf(profiler)
  await eventually(async () => worker.acknowledged() > 30)
  const acknowledged = worker.acknowledged()
  await set.master.kill('SIGKILL')
  await untilAnswers(set.replica, ['ROLE'], (role) => role.startsWith('master'))
  // The new master has no replica yet, and without one nothing is acknowledged.
  await sleep(500)
  const meanwhile = worker.acknowledged()
  await server(['--replicaof', `127.0.0.1 ${set.replica.port}`])
  await eventually(async () => worker.acknowledged() > meanwhile + 30)
  await worker.finish()
  expect(acknowledged).toBeGreaterThan(0)
  expect(worker.refusals).toEqual([])
  expect(await countOf(profiler.client)).toBe(worker.made())
})

test.each(['allkeys-lru', 'volatile-ttl'])(
  'a redis that may drop profiles (%s) is refused',
  async (policy) => {
    const redis = await server(['--maxmemory-policy', policy])
    await expect(profilerOn([redis.node])).rejects.toThrow(`redis has maxmemory-policy ${policy}`)
  },
)

const becomes = (profiler: TestProfiler, isReady: boolean) =>
  eventually(async () => (await isServing(profiler.address, 1000)) === isReady)

test('a profiler that starts while redis is away waits, not ready, and serves once it is there', async () => {
  const redis = await server()
  await redis.kill('SIGKILL')
  const profiler = await profilerOn([redis.node])
  expect(await isServing(profiler.address, 1000)).toBe(false)
  await expect(update(profiler, 'early')).rejects.toMatchObject({ code: 14 })
  await redis.restart()
  await becomes(profiler, true)
  expect(await update(profiler, 'late')).toMatchObject({ folded: 1 })
})

test.each([
  ['its eviction policy', ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru'], ['noeviction']],
  ['its role', ['REPLICAOF', '127.0.0.1', '1'], ['NO', 'ONE']],
  ['the rights of the user to write', ['ACL', 'SETUSER', 'default', '-zadd'], ['+zadd']],
  ['the rights of the user to read', ['ACL', 'SETUSER', 'default', '-zrangebylex'], ['+zrangebylex']],
  ['whether it keeps what it is told on disk', ['CONFIG', 'SET', 'appendonly', 'no'], ['yes']],
])(
  'a redis that changes %s while it runs makes the profiler not ready, until that is mended',
  async (_, change, back) => {
    const redis = await server()
    const profiler = await profilerOn([redis.node])
    expect(await isServing(profiler.address, 1000)).toBe(true)
    await redis.command(...change)
    await becomes(profiler, false)
    await redis.command(...change.slice(0, change.length - back.length), ...back)
    await becomes(profiler, true)
    expect(await update(profiler, 'after')).toMatchObject({ folded: 1 })
  },
)

test('a script that may not do all does nothing: what was half written is whole at the next fold', async () => {
  const redis = await server()
  const profiler = await profilerOn([redis.node])
  await redis.command('ACL', 'SETUSER', 'default', '-zadd')
  await expect(update(profiler, 'refused')).rejects.toMatchObject({ code: 14 })
  expect(await redis.command('KEYS', '*profile:*')).toEqual([])
  await redis.command('ACL', 'SETUSER', 'default', '+zadd')
  await becomes(profiler, true)
  expect(await update(profiler, 'taken')).toMatchObject({ folded: 1 })
  const { profiles } = await unary(profiler.client, 'listProfiles', {
    ...{ namespace: '', taskPrefix: '', pageSize: 0, pageToken: '', kind: 0 },
  })
  expect(profiles).toHaveLength(1)
})

test('several profilers on one redis: a worker goes on with any of them, a watcher of one hears what another folds', {
  timeout: 60_000,
}, async () => {
  const redis = await server()
  const [first, second] = [await profilerOn([redis.node]), await profilerOn([redis.node])]
  const heard: number[] = []
  const watch = second.client.watchProfiles({ namespaces: [], cursor: '' })
  watch.on('error', () => undefined)
  watch.on('data', ({ change }) => {
    if (change?.$case === 'profile' && change.value.key?.task === 'task')
      heard.push(change.value.outcomes[0]?.count ?? 0)
  })
  const worker = workerOf(first, second)
  await eventually(async () => worker.acknowledged() > 30)
  await first.stop()
  const acknowledged = worker.acknowledged()
  await eventually(async () => worker.acknowledged() > acknowledged + 30)
  await worker.finish()
  expect(await countOf(second.client)).toBe(worker.made())
  await eventually(async () => heard.at(-1) === worker.made())
  watch.cancel()
})

test('what a replica leaves open when it goes is closed as lost by another, once', {
  timeout: 60_000,
}, async () => {
  const redis = await server()
  const [first, second] = [
    await profilerOn([redis.node], { defaultLeaseMs: 700 }),
    await profilerOn([redis.node], { defaultLeaseMs: 700 }),
  ]
  const stream = await openStream(first.client, 'orphaned')
  stream.send({ sequence: 1, starts: ['a', 'b'].map((id) => wireStart(id)) })
  await stream.durable(1)
  await first.stop()
  await eventually(async () => (await countOf(second.client)) === 2)
  const { profile } = await unary(second.client, 'getProfile', {
    key: { namespace: '', kind: 1, task: 'task' },
  })
  expect(profile?.outcomes).toEqual([{ outcome: 7, count: 2 }])
  const resumed = await openStream(second.client, 'orphaned')
  expect(resumed.opened.durableSequence).toBe(1)
  resumed.send({ sequence: 2, ends: [wireEnd('a')] })
  expect((await resumed.next('rejection')).executionId).toBe('a')
  await resumed.close()
})

const hotExecutions = Number(process.env['FORESIZE_TEST_HOT_EXECUTIONS'] ?? 20_000)

test('4 profilers, one hot task: the totals are exact', { timeout: 60_000 + hotExecutions * 5 }, async () => {
  const redis = await server(['--appendfsync', 'everysec'])
  const profilers = await Promise.all(
    [1, 2, 3, 4].map(() => profilerOn([redis.node], { redisTimeoutMs: 10_000 })),
  )
  const perCall = 500
  let next = 0
  const lane = async (profiler: TestProfiler) => {
    for (let from = next; from < hotExecutions; from = next) {
      next += perCall
      const executions = Array.from({ length: Math.min(perCall, hotExecutions - from) }, (_, i) =>
        wireRecord(`e${from + i}`),
      )
      const { folded, repeatedExecutions } = await unary(profiler.client, 'updateProfile', { executions })
      expect(folded + repeatedExecutions).toBe(executions.length)
    }
  }
  await Promise.all(profilers.flatMap((profiler) => [lane(profiler), lane(profiler)]))
  for (const { client } of profilers) expect(await countOf(client)).toBe(hotExecutions)
  process.stdout.write(`4 replicas, one task: ${hotExecutions} executions, totals exact\n`)
})

test('two profilers let in no more namespaces than there may be, both asked at once', async () => {
  const { node } = await server()
  const settings = { maxNamespaces: 20, maxHeldShare: 1 }
  const profilers = [await profilerOn([node], settings), await profilerOn([node], settings)]
  const reported = profilers.flatMap(({ client }, at) =>
    Array.from({ length: 20 }, (_, i) =>
      unary(client, 'updateProfile', {
        executions: [wireRecord(`${at} ${i}`, { task: { namespace: `reported ${at} ${i}`, task: 'task' } })],
      }).then(
        ({ folded }) => folded,
        () => 0,
      ),
    ),
  )
  const streamed = profilers.map(async ({ client }, at) => {
    const stream = await openStream(client, `s${at}`)
    const ids = Array.from({ length: 20 }, (_, i) => `${at} ${i}`)
    const starts = ids.map((id) => wireStart(id, { task: { namespace: `streamed ${id}`, task: 'task' } }))
    stream.send({ sequence: 1, starts, ends: ids.map((id) => wireEnd(id)) })
    await stream.durable(1)
    await stream.close()
  })
  await Promise.all([...reported, ...streamed])
  const list = async () =>
    (
      await unary(profilers[0]?.client as TestProfiler['client'], 'listNamespaces', {
        pageSize: 1000,
        pageToken: '',
      })
    ).namespaces.map(({ namespace }) => namespace)
  expect(await list()).toHaveLength(20)
})
