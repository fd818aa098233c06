import { ForesizeError } from '../../../shared/domain/errors.ts'
import { type Profile, profileId, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { type ProfileStore, RefusedChanges, type StoreChange } from '../store.ts'
import { readableOnly } from './changes.ts'
import { fullPage } from './page.ts'
import { checkServers, persists, type RedisClient } from './redis-client.ts'
import { cursorAt, positionOf, redisFeed } from './redis-feed.ts'
import { onShards, rangeOf, shardKeys, shards } from './redis-layout.ts'
import { redisNamespaces } from './redis-namespaces.ts'
import { type RedisProfileSettings, readAtOnce, redisProfiles } from './redis-profiles.ts'
import { redisSessions } from './redis-sessions.ts'
import { compareText } from './text-order.ts'

export interface RedisStoreSettings extends RedisProfileSettings {
  readonly heartbeatMs: number
  /** How often the ends of the feed are looked at while somebody watches. Default 50. */
  readonly redisPollMs: number
}

/** Names read at once. */
const pageKeys = 64

/** Old profiles of one shard deleted by one sweep; the next takes the rest. */
const maxSweptPerShard = 10_000

/** So long a stop may take for who goes back to an earlier release. */
const joiningMs = 5000

/** Several profilers on one Redis: compare-and-set of profiles by one script a shard, a stream of changes a shard. */
export async function redisStore(
  client: RedisClient,
  settings: RedisStoreSettings,
  clock: Clock,
  log: Log,
): Promise<ProfileStore> {
  await available(checkServers(client))
  let isPersistent = await available(persists(client))
  /** Once it was so, it has to stay so. */
  let wasPersistent = isPersistent
  if (!isPersistent) log.warn('redis has appendonly off: what is acknowledged may be lost when it crashes')
  const feed = redisFeed(client, settings.redisPollMs, log)
  await available(feed.end())
  const readable = readableOnly(log)
  const profiles = redisProfiles(client, settings, clock, log)
  const sessions = redisSessions(client, log)
  const namespaces = redisNamespaces(client, clock)
  await available(namespaces.begin())

  async function readAll(keys: readonly string[]): Promise<readonly Profile[]> {
    const found: Profile[] = []
    for (let at = 0; at < keys.length; at += readAtOnce) {
      const versions = await Promise.all(
        keys.slice(at, at + readAtOnce).map((key) => readable(profiles.read(key))),
      )
      found.push(...versions.flatMap((version) => version?.profile ?? []))
    }
    return found
  }

  async function keysBetween(from: Buffer, to: Buffer, limit: number): Promise<readonly string[]> {
    const found = await onShards(async ({ index }) => {
      const reply = await client.run('ZRANGEBYLEX', index, from, to, 'LIMIT', 0, limit)
      return (reply as Buffer[]).map(String)
    })
    return found.flat().sort(compareText).slice(0, limit)
  }

  async function* allKeys(): AsyncIterable<readonly string[]> {
    for (const shard of shards) {
      let from = Buffer.from('-')
      for (;;) {
        const reply = await client.run('ZRANGEBYLEX', shardKeys(shard).index, from, '+', 'LIMIT', 0, pageKeys)
        const keys = (reply as Buffer[]).map(String)
        if (keys.length === 0) break
        yield keys
        from = Buffer.from(`(${keys.at(-1)}`)
      }
    }
  }

  async function* changesOf(keys: readonly string[], cursor: string): AsyncIterable<StoreChange> {
    for (let at = 0; at < keys.length; at += readAtOnce) {
      const part = keys.slice(at, at + readAtOnce)
      const versions = await Promise.all(part.map((key) => readable(profiles.read(key))))
      for (const [index, version] of versions.entries()) {
        if (version?.profile) yield { type: 'profile', profile: version.profile, cursor }
        else if (version) yield { type: 'deleted', key: profileKeyOf(part[index] as string), cursor }
      }
    }
  }

  async function* watch(
    cursor: string,
    signal: AbortSignal,
    within?: ReadonlySet<string>,
  ): AsyncIterable<StoreChange> {
    const wanted = (keys: readonly string[]) =>
      within ? keys.filter((key) => within.has(profileKeyOf(key).namespace)) : keys
    let position = positionOf(cursor)
    let known = position && (await available(feed.since(position)))
    if (cursor !== '' && !known) yield { type: 'resync', cursor: '' }
    while (!signal.aborted) {
      if (!known || !position) {
        position = await available(feed.end())
        for await (const keys of allKeys()) yield* changesOf(wanted(keys), '')
        known = { keys: new Set(), position, isEnd: true }
      }
      // Only the last of them may carry the new position: a watcher that stops before it must see all of them again.
      yield* changesOf(wanted([...known.keys]), cursorAt(position))
      position = known.position
      if (known.isEnd) {
        yield { type: 'caught-up', cursor: cursorAt(position) }
        await feed.changed(position, settings.heartbeatMs, signal)
        if (signal.aborted) return
      }
      known = await available(feed.since(position))
      if (!known) yield { type: 'resync', cursor: '' }
    }
  }

  async function check(): Promise<void> {
    await checkServers(client)
    isPersistent = await persists(client)
    if (wasPersistent && !isPersistent) {
      throw new ForesizeError(
        'unavailable',
        'redis has appendonly off by now: what is acknowledged may be lost when it crashes',
      )
    }
    wasPersistent = isPersistent
  }

  return {
    durability: 'remote',
    check: () => available(check()),
    get: async (key) => (await available(profiles.read(profileId(key)))).profile,
    commit: ({ changes, checkpoints }) =>
      available(
        (async () => {
          await profiles.changeAll(changes)
          const fenced = await sessions.saveAll(checkpoints)
          feed.poke()
          return { fenced }
        })(),
      ),
    list: (query) => available(fullPage(query, (part) => keysBetween(...rangeOf(part), part.limit), readAll)),
    namespaces: () => available(namespaces.list()),
    claimNamespace: (namespace, most) => available(namespaces.claim(namespace, most)),
    async count(namespace, kind) {
      const [from, to] = rangeOf({ namespace, kind, prefix: '', after: '', limit: 0 })
      const counts = await available(onShards(({ index }) => client.run('ZLEXCOUNT', index, from, to)))
      return counts.reduce((sum: number, count) => sum + Number(count), 0)
    },
    async countProfiles() {
      const counts = await available(onShards(({ index }) => client.run('ZCARD', index)))
      return counts.reduce((sum: number, count) => sum + Number(count), 0)
    },
    getSession: (id) => available(sessions.read(id)),
    deleteSession: (id, held) => available(sessions.delete(id, held)),
    dueSessions: (nowUnixMs, limit) => available(sessions.due(nowUnixMs, limit)),
    countSessions: () => available(sessions.count()),
    sessionCounts: () => available(sessions.counts()),
    watch,
    async sweep(lastSeenBeforeUnixMs) {
      let deleted = 0
      for (const shard of shards) {
        const { seen } = shardKeys(shard)
        const before = `(${lastSeenBeforeUnixMs}`
        const reply = await available(
          client.run('ZRANGEBYSCORE', seen, '-inf', before, 'LIMIT', 0, maxSweptPerShard),
        )
        const old = reply as Buffer[]
        for (const key of old.map(String)) {
          if (await available(profiles.forget(key, lastSeenBeforeUnixMs))) deleted += 1
        }
      }
      feed.poke()
      return deleted
    },
    statistics: () => ({ quarantined: profiles.quarantined(), isPersistent }),
    async close() {
      feed.close()
      await profiles
        .joinDeltas(clock.monotonicMs() + joiningMs)
        .catch((error: unknown) => log.warn({ err: error }, 'deltas were not joined'))
      await client.close()
    },
  }
}

async function available<T>(action: Promise<T>): Promise<T> {
  try {
    return await action
  } catch (error) {
    if (error instanceof ForesizeError || error instanceof RefusedChanges) throw error
    throw new ForesizeError('unavailable', 'the profile store failed', { cause: error })
  }
}
