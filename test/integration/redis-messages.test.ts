import { expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { stores } from '../../services/profiler/stores/index.ts'
import { connectRedis } from '../../services/profiler/stores/redis-client.ts'
import { redisFeed } from '../../services/profiler/stores/redis-feed.ts'
import { mostBytesAtOnce } from '../../services/profiler/stores/redis-portions.ts'
import { readAtOnce } from '../../services/profiler/stores/redis-profiles.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'
import { followingClock, systemClock } from '../../shared/runtime/clock.ts'
import { encodeProfile } from '../../shared/wire/profile-bytes.ts'
import { commit, now, put, taskKey } from '../contract/profile-store-steps.ts'
import { largestExecutions, largestProfile } from '../support/largest-profile.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import { type RedisServer, redisCluster, redisServer, wireTo } from '../support/redis.ts'
import { configOf } from '../support/stores.ts'

/** How often servers had to read from a connection. */
async function readsOf(servers: readonly RedisServer[]): Promise<number> {
  const infos = await Promise.all(servers.map((server) => server.command('INFO', 'stats')))
  return infos.reduce(
    (sum: number, info) => sum + Number(/^total_reads_processed:(\d+)/m.exec(String(info))?.[1]),
    0,
  )
}

async function servers(mode: 'single' | 'cluster') {
  if (mode === 'cluster') return redisCluster()
  const server = await redisServer()
  return { nodes: [server], stop: () => server.stop() }
}

test.each(['single', 'cluster'] as const)(
  'commands of one turn reach a server in one message: %s',
  async (redisMode) => {
    const { nodes, stop } = await servers(redisMode)
    const redisNodes = nodes.map(({ node }) => node)
    const client = await connectRedis(configOf({ store: 'redis', redisMode, redisNodes }), quietLog)
    try {
      const ask = (count: number) =>
        Array.from({ length: count }, (_, i) => client.run('HGET', `{foresize:${i % 16}}profile:${i}`, 'e'))
      // What waits until there is a connection goes one by one.
      await Promise.all(ask(16))
      const before = await readsOf(nodes)
      const asked = ask(600)
      expect(await Promise.all(asked)).toEqual(asked.map(() => null))
      // Of 600 by themselves, and few of whoever asks for the figure.
      expect((await readsOf(nodes)) - before).toBeLessThan(60)
    } finally {
      await client.close()
      await stop()
    }
  },
)

test('a watcher reads what changed of all shards in one message', async () => {
  const server = await redisServer()
  const client = await connectRedis(configOf({ store: 'redis', redisNodes: [server.node] }), quietLog)
  const feed = redisFeed(client, 50, quietLog)
  try {
    const position = await feed.end()
    const before = await readsOf([server])
    for (let i = 0; i < 20; i++) expect(await feed.since(position)).toMatchObject({ position, isEnd: true })
    // Of 20 looks at 16 shards.
    expect((await readsOf([server])) - before).toBeLessThan(60)
  } finally {
    feed.close()
    await client.close()
    await server.stop()
  }
})

test('a commit of large profiles goes in messages of a bounded size, each after the answers to the one before', async () => {
  const server = await redisServer()
  const wire = await wireTo(server.port)
  const store = await stores.redis(
    configOf({ store: 'redis', redisNodes: [wire.node], codec: 'none' }),
    followingClock(systemClock),
    quietLog,
  )
  const largest = largestProfile(taskKey('0'))
  const profiles = Array.from({ length: 12 }, (_, i) => ({ ...largest, key: taskKey(`${i}`) }))
  const encodedBytes = encodeProfile(largest).length
  try {
    // So that it could send all before the first answer.
    wire.delay(50)
    await commit(store, ...profiles.map(put))
    wire.delay(0)
    for (const { key } of profiles) expect((await store.get(key))?.revision).toBe(largest.revision)
    expect(wire.mostSent().client).toBeGreaterThan(encodedBytes)
    expect(wire.mostSent().client).toBeLessThan(1.1 * Math.max(encodedBytes, mostBytesAtOnce))
  } finally {
    await store.close()
    await wire.close()
    await server.stop()
  }
})

test('a commit to many large profiles that are not in memory, or that another has changed, reads few of them at once', async () => {
  const server = await redisServer()
  const wire = await wireTo(server.port)
  const open = (node: string) =>
    stores.redis(
      configOf({ store: 'redis', redisNodes: [node], codec: 'none' }),
      followingClock(systemClock),
      quietLog,
    )
  const [other, store] = [await open(server.node), await open(wire.node)]
  const folding = (key: ProfileKey, of: string, count: number) => ({
    key,
    change: (before: Profile | undefined) =>
      foldAll(before, key, largestExecutions(of, key, count), now, defaultFoldSettings).profile,
  })
  const keys = Array.from({ length: 64 }, (_, i) => taskKey(`${i}`))
  try {
    await commit(other, ...keys.map((key) => folding(key, 'before', 4)))
    const encodedBytes = encodeProfile((await other.get(taskKey('0'))) as Profile).length
    await commit(store, ...keys.map((key) => folding(key, 'after', 1)))
    for (const key of keys) expect((await store.get(key))?.revision).toBe(5)
    await commit(other, ...keys.map((key) => folding(key, 'meanwhile', 1)))
    await commit(store, ...keys.map((key) => folding(key, 'at last', 1)))
    for (const key of keys) expect((await store.get(key))?.revision).toBe(7)
    expect(wire.mostSent().server).toBeGreaterThan(encodedBytes)
    expect(wire.mostSent().server).toBeLessThan(2 * readAtOnce * encodedBytes)
  } finally {
    for (const each of [other, store]) await each.close()
    await wire.close()
    await server.stop()
  }
})
