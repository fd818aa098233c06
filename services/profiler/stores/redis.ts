import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { type Profile, profileId, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { openPart, openVersion, sealPart } from '../checkpoint.ts'
import { addTo } from '../counts.ts'
import { type Codec, DamagedRecord, openProfile, sealProfile } from '../envelope.ts'
import {
  type Commit,
  type ProfileChange,
  type ProfileStore,
  RefusedChanges,
  type SessionCheckpoint,
  type SessionPart,
  type StoreChange,
  type StoredSession,
} from '../store.ts'
import { applyChanges, readableOnly } from './changes.ts'
import { fullPage } from './page.ts'
import { checkServers, persists, type RedisClient, type RedisValue, type ScriptCall } from './redis-client.ts'
import { cursorAt, positionOf, redisFeed } from './redis-feed.ts'
import { keysOf, rangeOf, shardKeys, shards } from './redis-layout.ts'
import {
  compareAndSet,
  confirm,
  deleteSession,
  forgetOld,
  putAside,
  runScript,
  saveSession,
} from './redis-scripts.ts'
import { compareText } from './text-order.ts'

export interface RedisStoreSettings {
  readonly codec: Codec
  readonly maxFeedEntries: number
  readonly cachedProfiles: number
  readonly heartbeatMs: number
  /** How often the ends of the feed are looked at while somebody watches. Default 50. */
  readonly redisPollMs: number
}

/** Where a profile was when it was read: the etag tells whether it still is. */
interface Version {
  readonly etag: string
  readonly profile: Profile | undefined
}

const absent: Version = { etag: '', profile: undefined }

/** Tries of one compare-and-set; at each, somebody else has got through. */
const maxTries = 200

/** Records read at once. */
const readParallel = 64

/** Old profiles of one shard deleted by one sweep; the next takes the rest. */
const maxSweptPerShard = 10_000

/** Several profilers on one Redis: compare-and-set by one script a profile, a stream of changes a shard. */
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
  const cache = recentlyUsed<Version>(settings.cachedProfiles)
  const feed = redisFeed(client, settings.redisPollMs, log)
  await available(feed.end())
  const readable = readableOnly(log)
  let quarantined = 0

  const profileKeys = (key: string) => {
    const keys = keysOf(key)
    return [keys.profile(key), keys.index, keys.seen, keys.namespaces, keys.feed]
  }

  async function read(key: string): Promise<Version> {
    const known = cache.get(key)
    const { profile: place } = keysOf(key)
    if (known) {
      const etag = (await client.run('HGET', place(key), 'e')) as Buffer | null
      if ((etag?.toString() ?? '') === known.etag) return known
    }
    const [etag, sealed] = (await client.run('HMGET', place(key), 'e', 'b')) as (Buffer | null)[]
    return etag && sealed ? open(key, etag.toString(), sealed) : absent
  }

  /** A record that is damaged is put aside, if it still is the one that was read. */
  async function open(key: string, etag: string, sealed: Buffer): Promise<Version> {
    try {
      const version = { etag, profile: openProfile(sealed) }
      cache.set(key, version)
      return version
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      return quarantine(key, etag, error)
    }
  }

  async function quarantine(key: string, etag: string, error: unknown): Promise<Version> {
    log.error({ err: error, key: profileKeyOf(key) }, 'a damaged profile was put aside')
    cache.delete(key)
    const { namespace } = profileKeyOf(key)
    const place = keysOf(key).quarantine(key, clock.nowUnixMs())
    const done = await runScript(
      client,
      putAside,
      [...profileKeys(key), place],
      [etag, key, namespace, settings.maxFeedEntries],
    )
    quarantined += Number(done)
    return absent
  }

  const plan = (key: string, changes: readonly ProfileChange[], from?: Version) =>
    applyChanges(
      changes,
      async () => from ?? cache.get(key) ?? (await read(key)),
      ({ etag }, error) => quarantine(key, etag, error),
    )

  /** Changes of one profile that are to be stored. */
  interface Step {
    readonly key: string
    readonly changes: readonly ProfileChange[]
    readonly before: Version
    readonly next: Version
  }

  /** Throws: RefusedChanges, naming all that cannot be changed. */
  async function stepsOf(
    wanted: readonly {
      readonly key: string
      changes: readonly ProfileChange[]
      from?: Version | undefined
    }[],
  ): Promise<readonly Step[]> {
    const reasons = new Map<string, unknown>()
    const steps: Step[] = []
    await Promise.all(
      wanted.map(async ({ key, changes, from }) => {
        const planned = await plan(key, changes, from)
        if ('refused' in planned) {
          reasons.set(key, planned.refused)
          return
        }
        const { before, after } = planned
        const etag = after ? `${after.revision}-${randomUUID()}` : ''
        steps.push({
          key,
          changes,
          before,
          next: after === before.profile ? before : { etag, profile: after },
        })
      }),
    )
    if (reasons.size > 0) throw new RefusedChanges(reasons)
    return steps
  }

  /** What was cached may be old, also where nothing changes: each step is held against what is stored. */
  async function changeAll(changes: readonly ProfileChange[]): Promise<void> {
    const groups = Map.groupBy(changes, ({ key }) => profileId(key))
    let left = await stepsOf([...groups].map(([key, each]) => ({ key, changes: each })))
    for (let tries = 1; left.length > 0; tries++) {
      if (tries > maxTries) throw new ForesizeError('unavailable', 'a profile is changed by too many at once')
      if (tries > 8) await sleep(Math.random() * tries)
      const calls: ScriptCall[] = []
      for (const step of left) {
        if (turn.isOver()) await turn.rest()
        calls.push(callOf(step))
      }
      const replies = (await client.write(calls)) as [number, Buffer?, Buffer?][]
      const conflicts = []
      for (const [index, [done, etag, sealed]] of replies.entries()) {
        const { key, changes: each, next } = left[index] as Step
        if (done === 1) {
          if (next.profile) cache.set(key, next)
          else cache.delete(key)
          continue
        }
        cache.delete(key)
        const found = etag && sealed && etag.length > 0 ? { etag: etag.toString(), sealed } : undefined
        conflicts.push({ key, changes: each, found })
      }
      left = await stepsOf(
        await Promise.all(
          conflicts.map(async ({ key, changes: each, found }) => ({
            key,
            changes: each,
            from: found ? await open(key, found.etag, found.sealed) : absent,
          })),
        ),
      )
    }
  }

  function callOf({ key, before, next }: Step): ScriptCall {
    const { namespace } = profileKeyOf(key)
    if (next === before) {
      const keys = keysOf(key)
      return {
        script: confirm,
        keys: [keys.profile(key), keys.replicated],
        args: [before.etag, client.replicas > 0 ? randomUUID() : ''],
      }
    }
    return {
      script: compareAndSet,
      keys: profileKeys(key),
      args: [
        before.etag,
        next.etag,
        next.profile ? sealProfile(next.profile, settings.codec) : '',
        key,
        namespace,
        next.profile?.lastSeenUnixMs ?? 0,
        settings.maxFeedEntries,
      ],
    }
  }

  /** Resolves to those that another has written since. */
  async function saveAll(checkpoints: Commit['checkpoints']): Promise<readonly string[]> {
    const ids = [...checkpoints.keys()]
    const calls: ScriptCall[] = []
    for (const [id, checkpoint] of checkpoints) {
      if (turn.isOver()) await turn.rest()
      calls.push(await saveOf(id, checkpoint))
    }
    const replies = await client.write(calls)
    return ids.filter((_, index) => Number(replies[index]) !== 1)
  }

  async function saveOf(
    id: string,
    { version, owner, dueUnixMs, parts }: SessionCheckpoint,
  ): Promise<ScriptCall> {
    const keys = keysOf(id)
    const args: RedisValue[] = [version, owner, dueUnixMs, id]
    for (const [name, part] of parts) {
      if (turn.isOver()) await turn.rest()
      const counts = part && Object.keys(part.counts).length > 0 ? JSON.stringify(part.counts) : ''
      args.push(name, part ? sealPart(part) : '', counts)
    }
    return { script: saveSession, keys: [keys.session(id), keys.due, keys.counts], args }
  }

  /** A part that is damaged is lost by itself. */
  async function readSession(id: string): Promise<StoredSession | undefined> {
    const flat = (await client.run('HGETALL', keysOf(id).session(id))) as Buffer[]
    if (flat.length === 0) return undefined
    let stored: StoredSession = { version: 0, owner: '', dueUnixMs: 0, parts: new Map() }
    const parts = new Map<string, SessionPart>()
    for (let i = 0; i < flat.length; i += 2) {
      if (turn.isOver()) await turn.rest()
      const field = String(flat[i])
      const value = flat[i + 1] as Buffer
      try {
        if (field === 'p') stored = { ...stored, version: Number(value) }
        else if (field === 'o') stored = { ...stored, owner: String(value) }
        else if (field === 'd') stored = { ...stored, dueUnixMs: Number(value) }
        else if (field === 'b') return openVersion(value)
        else if (field.startsWith('x')) parts.set(field.slice(1), openPart(value))
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error
        log.error({ err: error, session: id }, 'a damaged part of a session is left out')
      }
    }
    return { ...stored, parts }
  }

  async function readAll(keys: readonly string[]): Promise<readonly Profile[]> {
    const profiles: Profile[] = []
    for (let at = 0; at < keys.length; at += readParallel) {
      const versions = await Promise.all(keys.slice(at, at + readParallel).map((key) => readable(read(key))))
      profiles.push(...versions.flatMap((version) => version?.profile ?? []))
    }
    return profiles
  }

  const onShards = async <T>(action: (keys: ReturnType<typeof shardKeys>) => Promise<T>) =>
    Promise.all(shards.map((shard) => action(shardKeys(shard))))

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
        const reply = await client.run(
          'ZRANGEBYLEX',
          shardKeys(shard).index,
          from,
          '+',
          'LIMIT',
          0,
          readParallel,
        )
        const keys = (reply as Buffer[]).map(String)
        if (keys.length === 0) break
        yield keys
        from = Buffer.from(`(${keys.at(-1)}`)
      }
    }
  }

  async function* changesOf(keys: readonly string[], cursor: string): AsyncIterable<StoreChange> {
    for (let at = 0; at < keys.length; at += readParallel) {
      const part = keys.slice(at, at + readParallel)
      const versions = await Promise.all(part.map((key) => readable(read(key))))
      for (const [index, version] of versions.entries()) {
        if (version?.profile) yield { type: 'profile', profile: version.profile, cursor }
        else if (version) yield { type: 'deleted', key: profileKeyOf(part[index] as string), cursor }
      }
    }
  }

  async function* watch(
    cursor: string,
    signal: AbortSignal,
    namespaces?: ReadonlySet<string>,
  ): AsyncIterable<StoreChange> {
    const wanted = (keys: readonly string[]) =>
      namespaces ? keys.filter((key) => namespaces.has(profileKeyOf(key).namespace)) : keys
    let position = positionOf(cursor)
    let known = position && (await available(feed.since(position)))
    if (cursor !== '' && !known) yield { type: 'resync', cursor: '' }
    while (!signal.aborted) {
      if (!known || !position) {
        position = await available(feed.end())
        for await (const keys of allKeys()) yield* changesOf(wanted(keys), '')
        known = { keys: new Set(), position }
      }
      yield* changesOf(wanted([...known.keys]), cursorAt(position))
      const isEnd = known.position.every((id, shard) => id === position?.[shard])
      position = known.position
      if (isEnd) {
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
    get: async (key) => (await available(read(profileId(key)))).profile,
    commit: ({ changes, checkpoints }) =>
      available(
        (async () => {
          await changeAll(changes)
          const fenced = await saveAll(checkpoints)
          feed.poke()
          return { fenced }
        })(),
      ),
    list: (query) => available(fullPage(query, (part) => keysBetween(...rangeOf(part), part.limit), readAll)),
    namespaces: () =>
      available(
        onShards(({ namespaces }) => client.run('HKEYS', namespaces)).then((replies) => {
          const names = replies.flatMap((reply) => (reply as Buffer[]).map(String))
          return [...new Set(names)].sort(compareText)
        }),
      ),
    async count(namespace, kind) {
      const [from, to] = rangeOf({ namespace, kind, prefix: '', after: '', limit: 0 })
      const counts = await available(onShards(({ index }) => client.run('ZLEXCOUNT', index, from, to)))
      return counts.reduce((sum: number, count) => sum + Number(count), 0)
    },
    async countProfiles() {
      const counts = await available(onShards(({ index }) => client.run('ZCARD', index)))
      return counts.reduce((sum: number, count) => sum + Number(count), 0)
    },
    getSession: (id) => available(readSession(id)),
    async deleteSession(id, { version, owner }) {
      const keys = keysOf(id)
      await available(
        runScript(client, deleteSession, [keys.session(id), keys.due, keys.counts], [version, owner, id]),
      )
    },
    async dueSessions(nowUnixMs, limit) {
      const replies = await available(
        onShards(({ due }) =>
          client.run('ZRANGEBYSCORE', due, '-inf', nowUnixMs, 'WITHSCORES', 'LIMIT', 0, limit),
        ),
      )
      const due = replies.flatMap((reply) => {
        const flat = (reply as Buffer[]).map(String)
        return flat.flatMap((id, i) => (i % 2 === 0 ? [{ id, at: Number(flat[i + 1]) }] : []))
      })
      return due
        .sort((a, b) => a.at - b.at)
        .slice(0, limit)
        .map(({ id }) => id)
    },
    async countSessions() {
      const counts = await available(onShards(({ due }) => client.run('ZCARD', due)))
      return counts.reduce((sum: number, count) => sum + Number(count), 0)
    },
    async sessionCounts() {
      const counts = new Map<string, number>()
      for (const reply of await available(onShards(({ counts: place }) => client.run('HGETALL', place)))) {
        const flat = (reply as Buffer[]).map(String)
        for (let i = 0; i < flat.length; i += 2) addTo(counts, flat[i] as string, Number(flat[i + 1]))
      }
      return counts
    },
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
          const args = [key, profileKeyOf(key).namespace, lastSeenBeforeUnixMs, settings.maxFeedEntries]
          deleted += Number(await available(runScript(client, forgetOld, profileKeys(key), args)))
          cache.delete(key)
        }
      }
      feed.poke()
      return deleted
    },
    statistics: () => ({ quarantined, isPersistent }),
    async close() {
      feed.close()
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
