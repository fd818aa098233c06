import { randomUUID } from 'node:crypto'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { type Profile, profileId, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { addTo } from '../counts.ts'
import { DamagedRecord } from '../envelope.ts'
import {
  type Durability,
  type ProfileStore,
  RefusedChanges,
  type SessionCheckpoint,
  type SessionPart,
  type SessionVersion,
  type StoreChange,
  type StoredSession,
} from '../store.ts'
import { changeLog } from './change-log.ts'
import { applyChanges, readableOnly } from './changes.ts'
import { fullPage } from './page.ts'
import { profileIndex } from './profile-index.ts'

/** One record to write; undefined deletes. */
export type Write<T> = readonly [key: string, value: T | undefined]

/** What becomes of a session that is stored as it was before; undefined deletes it. */
export interface SessionWrite {
  readonly id: string
  readonly before: StoredSession | undefined
  readonly checkpoint: SessionCheckpoint | undefined
}

/**
 * Where a store of one process keeps its records.
 * Law: what `write` was given is on the medium when it resolves, each record whole or not at all, no session before the
 * profiles of the same call.
 */
export interface Medium {
  readonly durability: Durability
  /** What is there at the start. */
  load(): AsyncIterable<{ readonly key: string; readonly lastSeenUnixMs: number }>
  loadSessions(): AsyncIterable<readonly [id: string, session: StoredSession]>
  /** Throws: DamagedRecord. */
  read(key: string): Promise<Profile | undefined>
  write(profiles: readonly Write<Profile>[], sessions: readonly SessionWrite[]): Promise<void>
  /** Puts a damaged record aside where nothing overwrites it. */
  quarantine(key: string): Promise<void>
  close(): Promise<void>
}

export interface LocalStoreSettings {
  /** Changes that a watcher may lag behind before it starts anew. Default 65,536. */
  readonly maxFeedEntries: number
  /** Profiles kept decoded in memory. Default 1024. */
  readonly cachedProfiles: number
  /** A watcher hears `caught-up` at least so often. Default 10,000. */
  readonly heartbeatMs: number
}

/** Old profiles deleted in one write: commits wait no longer than for so many. */
const sweptAtOnce = 500

/** A ProfileStore of one process over any medium: one writer, so that what was written last is also what is cached. */
export async function localStore(
  medium: Medium,
  settings: LocalStoreSettings,
  log: Log,
): Promise<ProfileStore> {
  const incarnation = randomUUID().slice(0, 8)
  const index = profileIndex()
  const feed = changeLog(settings.maxFeedEntries)
  const cache = recentlyUsed<Profile>(settings.cachedProfiles)
  const sessions = new Map<string, HeldSession>()
  const counts = new Map<string, number>()
  const readable = readableOnly(log)
  let quarantined = 0
  let writes = 0
  let last: Promise<unknown> = Promise.resolve()

  for await (const { key, lastSeenUnixMs } of medium.load()) {
    if (turn.isOver()) await turn.rest()
    index.set(key, lastSeenUnixMs)
  }
  for await (const [id, session] of medium.loadSessions()) {
    if (turn.isOver()) await turn.rest()
    adoptSession(id, session)
  }

  function count(part: SessionPart | undefined, sign: 1 | -1): void {
    if (part) for (const [name, step] of Object.entries(part.counts)) addTo(counts, name, sign * step)
  }

  function adoptSession(id: string, checkpoint: SessionCheckpoint | undefined): void {
    const parts = sessions.get(id)?.parts ?? new Map<string, SessionPart>()
    if (checkpoint === undefined) {
      for (const part of parts.values()) count(part, -1)
      sessions.delete(id)
      return
    }
    for (const [name, part] of checkpoint.parts) {
      count(parts.get(name), -1)
      count(part, 1)
      if (part) parts.set(name, part)
      else parts.delete(name)
    }
    const { version, owner, dueUnixMs } = checkpoint
    sessions.set(id, { version, owner, dueUnixMs, parts })
  }

  /** Writers one after the other. */
  function exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = last.then(action)
    last = result.catch(() => undefined)
    return result
  }

  /** @param isInUse kept in memory from then on; not so where all are read one after the other. */
  async function load(key: string, isInUse: boolean): Promise<Profile | undefined> {
    const cached = isInUse ? cache.get(key) : cache.peek(key)
    if (cached || !index.has(key)) return cached
    const asOf = writes
    const profile = await unavailableOnFailure(() => medium.read(key))
    if (profile && isInUse && asOf === writes) cache.set(key, profile)
    return profile
  }

  /** Only while writers are held off: what is put aside must still be what was read. */
  async function loadOrQuarantine(key: string): Promise<Profile | undefined> {
    try {
      return await load(key, true)
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      return putAside(key, error)
    }
  }

  /** Nothing is there then. */
  async function putAside(key: string, error: unknown): Promise<undefined> {
    log.error({ err: error, key: profileKeyOf(key) }, 'a damaged profile was put aside')
    await unavailableOnFailure(() => medium.quarantine(key))
    quarantined += 1
    adopt(key, undefined)
  }

  async function read(key: string, isInUse: boolean): Promise<Profile | undefined> {
    try {
      return await load(key, isInUse)
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      return exclusively(() => loadOrQuarantine(key))
    }
  }

  function adopt(key: string, profile: Profile | undefined): void {
    writes += 1
    if (profile) {
      index.set(key, profile.lastSeenUnixMs)
      cache.set(key, profile)
    } else {
      index.delete(key)
      cache.delete(key)
    }
    feed.append(key)
  }

  async function write(
    profiles: ReadonlyMap<string, Profile | undefined>,
    checkpoints: ReadonlyMap<string, SessionCheckpoint | undefined>,
  ): Promise<void> {
    if (profiles.size === 0 && checkpoints.size === 0) return
    const writes = [...checkpoints].map(([id, checkpoint]) => ({ id, before: sessions.get(id), checkpoint }))
    await unavailableOnFailure(() => medium.write([...profiles], writes))
    for (const [key, profile] of profiles) adopt(key, profile)
    for (const [id, checkpoint] of checkpoints) adoptSession(id, checkpoint)
  }

  const cursorAt = (position: number) => `${incarnation}:${position}`

  async function* changesOf(
    keys: Iterable<string>,
    namespaces: ReadonlySet<string> | undefined,
    cursor: string,
  ): AsyncIterable<StoreChange> {
    for (const key of keys) {
      if (turn.isOver()) await turn.rest()
      if (namespaces && !namespaces.has(namespaceIn(key))) continue
      const profile = await readable(read(key, false))
      if (profile) yield { type: 'profile', profile, cursor }
      else if (!index.has(key)) yield { type: 'deleted', key: profileKeyOf(key), cursor }
    }
  }

  return {
    durability: medium.durability,
    // One that fails ends the process, or says so call by call.
    check: async () => undefined,
    get: (key) => read(profileId(key), true),
    commit: ({ changes, checkpoints }) =>
      exclusively(async () => {
        const profiles = new Map<string, Profile | undefined>()
        const reasons = new Map<string, unknown>()
        for (const [key, steps] of Map.groupBy(changes, (each) => profileId(each.key))) {
          if (turn.isOver()) await turn.rest()
          const done = await applyChanges(
            steps,
            () => {
              const profile = cache.get(key)
              return profile ? { profile } : loadOrQuarantine(key).then((loaded) => ({ profile: loaded }))
            },
            async (_, error) => ({ profile: await putAside(key, error) }),
          )
          if ('refused' in done) reasons.set(key, done.refused)
          else if (done.after !== done.before.profile) profiles.set(key, done.after)
        }
        if (reasons.size > 0) throw new RefusedChanges(reasons)
        const fenced: string[] = []
        const accepted = new Map<string, SessionCheckpoint>()
        for (const [id, checkpoint] of checkpoints) {
          if (mayFollow(sessions.get(id), checkpoint)) accepted.set(id, checkpoint)
          else fenced.push(id)
        }
        await write(profiles, accepted)
        return { fenced }
      }),
    list: (query) =>
      fullPage(query, index.list, async (keys) => {
        const profiles: Profile[] = []
        for (const key of keys) {
          if (turn.isOver()) await turn.rest()
          const profile = await readable(read(key, false))
          if (profile) profiles.push(profile)
        }
        return profiles
      }),
    namespaces: async () => index.namespaces(),
    count: async (namespace, kind) => index.count(namespace, kind),
    countProfiles: async () => index.size(),
    getSession: async (id) => sessions.get(id),
    deleteSession: (id, { version, owner }) =>
      exclusively(async () => {
        const stored = sessions.get(id)
        if (stored?.version === version && stored.owner === owner)
          await write(new Map(), new Map([[id, undefined]]))
      }),
    async dueSessions(nowUnixMs, limit) {
      const due: [string, SessionVersion][] = []
      const keepLongestDue = () => {
        due.sort(([, a], [, b]) => a.dueUnixMs - b.dueUnixMs)
        due.length = Math.min(due.length, limit)
      }
      for (const entry of sessions) {
        if (turn.isOver()) await turn.rest()
        if (entry[1].dueUnixMs > nowUnixMs) continue
        due.push(entry)
        if (due.length >= 2 * limit) keepLongestDue()
      }
      keepLongestDue()
      return due.map(([id]) => id)
    },
    countSessions: async () => sessions.size,
    // One process has the store, and counts what it lets in itself.
    claimNamespace: async () => true,
    sessionCounts: async () => new Map(counts),
    async *watch(cursor, signal, namespaces) {
      let position = positionOf(cursor, incarnation)
      let known = position === undefined ? undefined : feed.since(position)
      if (cursor !== '' && !known) yield { type: 'resync', cursor: '' }
      while (!signal.aborted) {
        if (!known) {
          position = feed.end()
          yield* changesOf(index.keys(), namespaces, '')
          known = { keys: [], position }
        }
        // Only the last of them may carry the new position: a watcher that stops before it must see all of them again.
        yield* changesOf(known.keys, namespaces, cursorAt(position ?? 0))
        position = known.position
        yield { type: 'caught-up', cursor: cursorAt(position) }
        await feed.changed(position, settings.heartbeatMs, signal)
        if (turn.isOver()) await turn.rest()
        known = feed.since(position)
        if (!known) yield { type: 'resync', cursor: '' }
      }
    },
    async sweep(lastSeenBeforeUnixMs) {
      const old: string[] = []
      for (const key of index.keys()) {
        if (turn.isOver()) await turn.rest()
        if (index.isLastSeenBefore(key, lastSeenBeforeUnixMs)) old.push(key)
      }
      let deleted = 0
      for (let at = 0; at < old.length; at += sweptAtOnce) {
        deleted += await exclusively(async () => {
          // Some may have been folded into since.
          const still = old
            .slice(at, at + sweptAtOnce)
            .filter((key) => index.isLastSeenBefore(key, lastSeenBeforeUnixMs))
          await write(new Map(still.map((key) => [key, undefined])), new Map())
          return still.length
        })
      }
      return deleted
    },
    statistics: () => ({ quarantined, isPersistent: medium.durability === 'disk' }),
    async close() {
      await last
      await medium.close()
    },
  }
}

/** Of a profile's id, without taking it apart. */
const namespaceIn = (key: string) => key.slice(0, key.indexOf('\0'))

interface HeldSession extends SessionVersion {
  readonly parts: Map<string, SessionPart>
}

/** Law: SessionCheckpoint. */
function mayFollow(stored: SessionVersion | undefined, next: SessionVersion): boolean {
  const version = stored?.version ?? 0
  return next.version === version + 1 || (next.version === version && next.owner === stored?.owner)
}

function positionOf(cursor: string, incarnation: string): number | undefined {
  const [origin, position] = cursor.split(':')
  return origin === incarnation && position !== undefined ? Number(position) : undefined
}

async function unavailableOnFailure<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof DamagedRecord || error instanceof ForesizeError) throw error
    throw new ForesizeError('unavailable', 'the profile store failed', { cause: error })
  }
}
