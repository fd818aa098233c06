import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { openProfile } from '../../services/profiler/envelope.ts'
import type { ProfileStore } from '../../services/profiler/store.ts'
import { stores } from '../../services/profiler/stores/index.ts'
import { connectRedis, type RedisClient } from '../../services/profiler/stores/redis-client.ts'
import { keysOf } from '../../services/profiler/stores/redis-layout.ts'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import { followingClock, systemClock } from '../../shared/runtime/clock.ts'
import { encodeProfile } from '../../shared/wire/profile-bytes.ts'
import { recordOf } from '../support/executions.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import { type RedisServer, redisCluster, redisServer } from '../support/redis.ts'
import { configOf } from '../support/stores.ts'

/** What a profile in Redis is made of: whole, and what it has become since. */

const key: ProfileKey = { namespace: 'default', kind: 'task', task: 'a' }
const place = keysOf(profileId(key)).profile(profileId(key))
const config = () => configOf({ store: 'redis', redisNodes: [server.node] })
const open = (): Promise<ProfileStore> => stores.redis(config(), followingClock(systemClock), quietLog)

let server: RedisServer
let client: RedisClient
let ids = 0

beforeAll(async () => {
  server = await redisServer()
  client = await connectRedis(config(), quietLog)
})
beforeEach(() => server.command('FLUSHALL'))
afterAll(async () => {
  await client?.close()
  await server?.stop()
})

async function fold(store: ProfileStore, count = 1): Promise<Profile | undefined> {
  const finished = Array.from({ length: count }, () => ({ record: recordOf(`e${ids++}`) }))
  const change = (before: Profile | undefined) =>
    foldAll(before, key, finished, 1_800_000_000_000 + ids, defaultFoldSettings).profile
  await store.commit({ changes: [{ key, change }], checkpoints: new Map() })
  return store.get(key)
}

const bytesOf = (profile: Profile | undefined) => profile && encodeProfile(profile)

async function fields(): Promise<ReadonlyMap<string, Buffer>> {
  const flat = (await client.run('HGETALL', place)) as Buffer[]
  return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[String(name), flat[i + 1] as Buffer]] : [])))
}

const names = async () => [...(await fields()).keys()].sort()

test('a profile is written whole once, then what each commit adds; any profiler reads and goes on with it', async () => {
  const [one, other] = [await open(), await open()]
  await fold(one, 3)
  expect(await names()).toEqual(['b', 'e'])
  await fold(one)
  await fold(one, 2)
  expect(await names()).toEqual(['0', '1', 'e', 'w'])
  expect((await other.get(key))?.revision).toBe(6)
  const latest = await fold(other)
  expect(await names()).toEqual(['0', '1', '2', 'e', 'w'])
  expect(latest?.revision).toBe(7)
  expect(bytesOf(await one.get(key))).toEqual(bytesOf(latest))
  for (const store of [one, other]) await store.close()
})

test('it is written whole again before there are too many', async () => {
  const store = await open()
  for (let i = 0; i < 100; i++) await fold(store)
  const stored = await fields()
  const whole = stored.get('b') ?? stored.get('w')
  expect((await openProfile(whole as Buffer)).revision).toBeGreaterThan(1)
  expect(stored.size).toBeLessThanOrEqual(2 + 64)
  expect((await store.get(key))?.revision).toBe(100)
  await store.close()
})

test('what this process writes is not read anew for those who ask meanwhile', async () => {
  const store = await open()
  await fold(store)
  await server.command('CONFIG', 'RESETSTAT')
  for (let i = 0; i < 50; i++) {
    const folded = fold(store)
    const asked: Promise<Profile | undefined>[] = []
    for (let turns = 0; turns < 5; turns++) {
      await nextTurn()
      asked.push(store.get(key))
    }
    const latest = (await folded)?.revision ?? 0
    for (const profile of await Promise.all(asked)) expect([latest - 1, latest]).toContain(profile?.revision)
  }
  expect(String(await server.command('INFO', 'commandstats'))).not.toContain('cmdstat_hgetall')
  await store.close()
})

test('a stop writes it whole, where an earlier release finds it', async () => {
  const store = await open()
  await fold(store, 3)
  const latest = await fold(store)
  await store.close()
  expect(await names()).toEqual(['b', 'e'])
  expect(bytesOf(await openProfile((await fields()).get('b') as Buffer))).toEqual(bytesOf(latest))
})

test('an earlier program finds nothing of a profile that has deltas, and may not write over it', async () => {
  const store = await open()
  await fold(store, 3)
  const latest = await fold(store)
  // It reads `e` and `b`, takes the profile for absent, and writes where there is no etag.
  const [etag, whole] = (await server.command('HMGET', place, 'e', 'b')) as (string | null)[]
  expect([etag === null, whole]).toEqual([false, null])
  const again = await open()
  expect(bytesOf(await again.get(key))).toEqual(bytesOf(latest))
  for (const each of [store, again]) await each.close()
})

test('a delta that is damaged, or of another profile, puts the profile aside', async () => {
  for (const damage of ['torn', 'foreign']) {
    await server.command('FLUSHALL')
    const store = await open()
    await fold(store, 3)
    await fold(store)
    const before = (await fields()).get('0') as Buffer
    await fold(store)
    await client.run(
      'HSET',
      place,
      damage === 'torn' ? '0' : '1',
      damage === 'torn' ? before.subarray(0, 20) : before,
    )
    const again = await open()
    expect(await again.get(key)).toBeUndefined()
    expect(again.statistics().quarantined).toBe(1)
    expect(((await server.command('KEYS', '*quarantine*')) as string[]).length).toBe(1)
    for (const each of [again, store]) await each.close()
  }
})

test('it is written whole, too, while its slot is about to move', async () => {
  const { nodes, stop } = await redisCluster()
  const addresses = nodes.map(({ node }) => node)
  const settings = configOf({ store: 'redis', redisMode: 'cluster', redisNodes: addresses })
  const store = await stores.redis(settings, followingClock(systemClock), quietLog)
  try {
    await fold(store)
    const slot = String(await nodes[0]?.command('CLUSTER', 'KEYSLOT', place))
    const keysAt = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'COUNTKEYSINSLOT', slot)))
    const from = nodes[keysAt.findIndex((count) => Number(count) > 0)] as RedisServer
    const to = nodes.find((node) => node !== from) as RedisServer
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(await to.command('CLUSTER', 'MYID')))
    // What is deleted there counts as moved, and may not be written again.
    for (let i = 1; i < 100; i++) await fold(store)
    expect((await store.get(key))?.revision).toBe(100)
  } finally {
    await store.close()
    await stop()
  }
})
