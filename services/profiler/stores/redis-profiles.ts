import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { type Profile, profileId, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { type Codec, DamagedRecord, openProfile, sealProfile } from '../envelope.ts'
import { type ProfileChange, RefusedChanges } from '../store.ts'
import { applyChanges } from './changes.ts'
import type { RedisClient, ScriptCall } from './redis-client.ts'
import { keysOf } from './redis-layout.ts'
import { compareAndSet, confirm, forgetOld, putAside, runScript } from './redis-scripts.ts'

export interface RedisProfileSettings {
  readonly codec: Codec
  readonly maxFeedEntries: number
  readonly cachedProfiles: number
}

/** Where a profile was when it was read: the etag tells whether it still is. */
export interface Version {
  readonly etag: string
  readonly profile: Profile | undefined
}

const absent: Version = { etag: '', profile: undefined }

/** Tries of one compare-and-set; at each, somebody else has got through. */
const maxTries = 200

/** Profiles one by one: read, changed by compare-and-set, put aside where they are damaged. */
export interface RedisProfiles {
  read(key: string): Promise<Version>
  /** Throws: RefusedChanges, naming all that cannot be changed. */
  changeAll(changes: readonly ProfileChange[]): Promise<void>
  /** Deletes it where it was last seen before; whether it was. */
  forget(key: string, lastSeenBeforeUnixMs: number): Promise<boolean>
  /** Put aside so far. */
  quarantined(): number
}

export function redisProfiles(
  client: RedisClient,
  settings: RedisProfileSettings,
  clock: Clock,
  log: Log,
): RedisProfiles {
  const cache = recentlyUsed<Version>(settings.cachedProfiles)
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

  return {
    read,
    changeAll,
    async forget(key, lastSeenBeforeUnixMs) {
      const args = [key, profileKeyOf(key).namespace, lastSeenBeforeUnixMs, settings.maxFeedEntries]
      const done = await runScript(client, forgetOld, profileKeys(key), args)
      cache.delete(key)
      return Number(done) > 0
    },
    quarantined: () => quarantined,
  }
}
