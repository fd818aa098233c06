import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { type Profile, profileId, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { applyDeltas, type Base, baseOf, deltaOf, deltasBehind } from '../delta.ts'
import { type Codec, DamagedRecord, openProfile, sealProfile } from '../envelope.ts'
import { type ProfileChange, RefusedChanges } from '../store.ts'
import { applyChanges } from './changes.ts'
import type { RedisClient, ScriptCall } from './redis-client.ts'
import { keysOf } from './redis-layout.ts'
import { mostBytesAtOnce, portions } from './redis-portions.ts'
import {
  addDeltas,
  changeProfiles,
  confirmProfiles,
  forgetOld,
  putAside,
  runScript,
} from './redis-scripts.ts'

export interface RedisProfileSettings {
  readonly codec: Codec
  readonly maxFeedEntries: number
  readonly cachedProfiles: number
}

/** Where a profile was when it was read: the etag tells whether it still is. */
export interface Version {
  readonly etag: string
  readonly profile: Profile | undefined
  /** What its next delta builds on. */
  readonly base?: Base | undefined
}

const absent: Version = { etag: '', profile: undefined }

/** Profiles read at once: of the largest 40 MB. What comes in one message has to come within the time of one command. */
export const readAtOnce = 16

/** Profiles in one script: others wait for it no longer. */
const changedAtOnce = 32

const mostAtOnce = { items: changedAtOnce, bytes: mostBytesAtOnce }

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
  /** Writes whole what this process has stored in deltas, as far as it still holds it: an earlier release reads no deltas. */
  joinDeltas(endMonotonicMs: number): Promise<void>
}

export function redisProfiles(
  client: RedisClient,
  settings: RedisProfileSettings,
  clock: Clock,
  log: Log,
): RedisProfiles {
  const cache = recentlyUsed<Version>(settings.cachedProfiles)
  /** On their way to the server, which may have them already. */
  const underWay = new Map<string, Version>()
  let quarantined = 0

  const profileKeys = (key: string) => {
    const keys = keysOf(key)
    return [keys.profile(key), keys.index, keys.seen, keys.namespaces, keys.feed]
  }

  async function read(key: string): Promise<Version> {
    const { profile: place } = keysOf(key)
    if (cache.get(key)) {
      const etag = (await client.run('HGET', place(key), 'e')) as Buffer | null
      // Held against what is known by now: meanwhile this process may have written it.
      const known = [underWay.get(key), cache.get(key)].find((each) => each?.etag === etag?.toString())
      if (known) return known
    }
    return open(key, fieldsOf(await client.run('HGETALL', place(key))))
  }

  /** A record that is damaged is put aside, if it still is the one that was read. */
  async function open(key: string, fields: Fields): Promise<Version> {
    // Answers to many come together.
    if (turn.isOver()) await turn.rest()
    const etag = fields.get('e')?.toString()
    // An earlier program writes `b` only where it has found no deltas.
    const sealed = fields.get('b') ?? fields.get('w')
    if (etag === undefined || sealed === undefined) return absent
    try {
      const whole = await openProfile(sealed)
      const deltas = deltasBehind(sealed, (index) => fields.get(String(index)))
      if (fields.has(String(deltas.length))) throw new DamagedRecord('a delta is of another record')
      const profile = await applyDeltas(whole, deltas)
      const version = { etag, profile, base: baseOf(profile, sealed, deltas) }
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
    async function step({ key, changes, from }: (typeof wanted)[number]): Promise<void> {
      const planned = await plan(key, changes, from)
      if ('refused' in planned) reasons.set(key, planned.refused)
      else steps.push({ key, changes, ...planned })
    }
    for (let at = 0; at < wanted.length; at += readAtOnce) {
      await Promise.all(wanted.slice(at, at + readAtOnce).map(step))
    }
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
      const conflicts = await store(left)
      left = await stepsOf(
        await Promise.all(
          conflicts.map(async ([{ key, changes: each }, found]) => ({
            key,
            changes: each,
            from: found && (await open(key, found)),
          })),
        ),
      )
    }
  }

  /** Resolves to the steps that came too late, each with what is stored, where that was told. */
  async function store(steps: readonly Step[]): Promise<readonly Conflict[]> {
    const all: Write[] = []
    for (const step of steps) {
      if (turn.isOver()) await turn.rest()
      all.push(await writeOf(step))
    }
    const calls: ScriptCall[] = []
    const writes: (readonly Write[])[] = []
    for (const alike of Map.groupBy(all, groupOf).values()) {
      for (const part of portions(alike, mostAtOnce, ({ value }) => value.length)) {
        writes.push(part)
        calls.push(callOf[kindOf(part[0] as Write)](part))
      }
    }
    for (const { step, next } of all) underWay.set(step.key, next)
    try {
      return adopt(writes, (await client.write(calls)) as (readonly Reply[])[])
    } finally {
      for (const { step, next } of all) if (underWay.get(step.key) === next) underWay.delete(step.key)
    }
  }

  function adopt(
    writes: readonly (readonly Write[])[],
    replies: readonly (readonly Reply[])[],
  ): readonly Conflict[] {
    const conflicts: Conflict[] = []
    for (const [call, part] of writes.entries()) {
      for (const [index, { step, next }] of part.entries()) {
        const reply = replies[call]?.[index]
        if (reply !== 1) conflicts.push([step, reply === 0 ? undefined : fieldsOf(reply)])
        if (reply === 1 && next.profile) cache.set(step.key, next)
        else cache.delete(step.key)
      }
    }
    return conflicts
  }

  async function writeOf(step: Step): Promise<Write> {
    const { before, after } = step
    if (isUnchanged(step)) return { step, next: before, field: '', value: '' }
    if (after === undefined) return { step, next: absent, field: '', value: '' }
    const etag = `${after.revision}-${randomUUID()}`
    const delta = before.base && (await deltaOf(before.base, after))
    if (delta) {
      const next = { etag, profile: after, base: delta.base }
      return { step, next, field: String(delta.index), value: delta.delta }
    }
    const sealed = await sealProfile(after, settings.codec)
    return { step, next: { etag, profile: after, base: baseOf(after, sealed) }, field: 'b', value: sealed }
  }

  function confirmation(writes: readonly Write[]): ScriptCall {
    const { replicated, profile } = keysOf(shardKey(writes))
    return {
      script: confirmProfiles,
      keys: [replicated, ...writes.map(({ step }) => profile(step.key))],
      args: [client.replicas > 0 ? randomUUID() : '', ...writes.map(({ step }) => step.before.etag)],
    }
  }

  function change(writes: readonly Write[]): ScriptCall {
    const { index, seen, namespaces, feed, profile } = keysOf(shardKey(writes))
    return {
      script: changeProfiles,
      keys: [index, seen, namespaces, feed, ...writes.map(({ step }) => profile(step.key))],
      args: [
        settings.maxFeedEntries,
        ...writes.flatMap(({ step: { key, before }, next, field, value }) => {
          const lastSeenUnixMs = next.profile?.lastSeenUnixMs ?? 0
          return [before.etag, next.etag, field, value, key, profileKeyOf(key).namespace, lastSeenUnixMs]
        }),
      ],
    }
  }

  function addition(writes: readonly Write[]): ScriptCall {
    const { seen, feed, profile } = keysOf(shardKey(writes))
    return {
      script: addDeltas,
      keys: [seen, feed, ...writes.map(({ step }) => profile(step.key))],
      args: [
        settings.maxFeedEntries,
        ...writes.flatMap(({ step: { key, before }, next, field, value }) => {
          const lastSeenUnixMs = next.profile?.lastSeenUnixMs ?? 0
          return [before.etag, next.etag, field, value, key, lastSeenUnixMs]
        }),
      ],
    }
  }

  const callOf = { confirm: confirmation, delete: change, change, add: addition }

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
    async joinDeltas(endMonotonicMs) {
      const steps = [...cache.entries()].flatMap(([key, before]) =>
        before.base && before.base.deltas > 0 ? [{ key, changes: [], before, after: before.profile }] : [],
      )
      for (let at = 0; at < steps.length; at += changedAtOnce) {
        if (clock.monotonicMs() > endMonotonicMs) {
          log.warn({ profiles: steps.length - at }, 'an earlier release does not find these')
          return
        }
        const whole = steps.slice(at, at + changedAtOnce).map((step) => ({
          ...step,
          after: step.after && { ...step.after },
          before: { ...step.before, base: undefined },
        }))
        // One that another has changed since is for it to join.
        await store(whole)
      }
    },
  }
}

/** Changes of one profile that are to be stored. */
interface Step {
  readonly key: string
  readonly changes: readonly ProfileChange[]
  readonly before: Version
  readonly after: Profile | undefined
}

/** A step as it is stored. */
interface Write {
  readonly step: Step
  readonly next: Version
  /** Of the profile's hash; empty where it is deleted, or unchanged. */
  readonly field: string
  readonly value: string | Buffer
}

/** Of one profile: it is stored, or all its fields as they are, or 0 where they have to be read. */
type Reply = 1 | 0 | readonly Buffer[]

type Conflict = readonly [Step, Fields | undefined]

type Fields = ReadonlyMap<string, Buffer>

const isUnchanged = ({ before, after }: Step): boolean => after === before.profile

const shardKey = (writes: readonly Write[]): string => (writes[0] as Write).step.key

/** What a script does. Where a slot is on the move, nothing that a deletion has emptied may be written again: it is by itself. */
function kindOf({ step, field }: Write): 'confirm' | 'delete' | 'change' | 'add' {
  if (isUnchanged(step)) return 'confirm'
  if (field === '') return 'delete'
  return field === 'b' || field === '0' ? 'change' : 'add'
}

/** One script is for one shard. */
const groupOf = (write: Write): string => `${keysOf(write.step.key).index} ${kindOf(write)}`

function fieldsOf(reply: unknown): Fields {
  const flat = reply as readonly Buffer[]
  const fields = new Map<string, Buffer>()
  for (let i = 0; i < flat.length; i += 2) fields.set(String(flat[i]), flat[i + 1] as Buffer)
  return fields
}
