import { statfsSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Profile } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { makeFolder } from '../../../shared/runtime/folder.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { openPart, openVersion, sealPart, sealVersion } from '../checkpoint.ts'
import { applyDeltas, type Base, baseOf, type Delta, deltaOf, deltasBehind, sealedIn } from '../delta.ts'
import { type Codec, DamagedRecord, lastSeenOf, openProfile, sealProfile } from '../envelope.ts'
import type { SessionPart, StoredSession } from '../store.ts'
import { isNewer } from './changes.ts'
import type { Medium, SessionWrite } from './local-store.ts'
import { lockDirectory } from './lock.ts'

export interface LmdbSettings {
  readonly directory: string
  readonly codec: Codec
  /** Profiles of which the state last stored is kept in memory, so that only what was added is written. */
  readonly cachedProfiles: number
  /** With less space left nothing is written: on a full disk a commit fails halfway, and LMDB may end the process. */
  readonly minFreeBytes: number
}

interface Whole {
  readonly sealed: Buffer
  readonly base: Base
}

/** So long a stop may take for who goes back to an earlier release. */
const joiningMs = 5000
/** Profiles in one transaction. */
const joinedAtOnce = 64

/** Of an LMDB file's first page, little endian. */
const magic = { value: 0xbeefc0de, offset: 24 }

/** LMDB maps whatever file it is given: one that it did not write ends the process without a word. */
async function refuseForeign(path: string): Promise<void> {
  const file = await openFile(path).catch(() => undefined)
  if (file === undefined) return
  try {
    const head = Buffer.alloc(magic.offset + 4)
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    if (bytesRead === 0 || head.readUInt32LE(magic.offset) === magic.value) return
    throw new ForesizeError(
      'unavailable',
      `${path} is damaged or no LMDB file: move it away to begin anew, or put a copy of it back`,
    )
  } finally {
    await file.close()
  }
}

/**
 * One LMDB environment in a directory, used by one process. A call of `write` is one transaction. A profile lies in
 * `profiles` whole, as it was some folds ago, and beside it in `deltas`, one for each write, what it has become since.
 * A session lies in `sessions`, and each of its parts in `session-parts`.
 * `overlappingSync` is off, so that a transaction resolves after its fsync; `eventTurnBatching` is off, because with it
 * a commit that fails leaves a rejection that nobody can handle.
 */
export async function lmdbMedium(
  { directory, codec, cachedProfiles, minFreeBytes }: LmdbSettings,
  clock: Clock,
  log: Log,
): Promise<Medium> {
  makeFolder(directory)
  const path = join(directory, 'profiles.lmdb')
  await refuseForeign(path)
  const lock = await lockDirectory(directory)
  const root = open<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
    maxDbs: 5,
  })
  const database = (name: string): Database<Buffer, Buffer> =>
    root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
  const profiles = database('profiles')
  const deltas = database('deltas')
  const sessions = database('sessions')
  const sessionParts = database('session-parts')
  const quarantined = database('quarantine')
  let broken = false
  const bases = recentlyUsed<Base>(cachedProfiles)

  function refuseOnFullDisk(): void {
    const { bavail, bsize } = statfsSync(directory)
    if (bavail * bsize >= minFreeBytes) return
    throw new ForesizeError(
      'unavailable',
      `the disk of ${directory} has less than ${minFreeBytes} bytes left: nothing is stored until there is more`,
    )
  }

  async function durably(action: () => void): Promise<void> {
    refuseOnFullDisk()
    try {
      await root.transaction(action)
    } catch (error) {
      if (error instanceof Error && 'commitError' in error) {
        // The cause comes later, as a promise of its own.
        Promise.resolve(error.commitError).catch((cause: unknown) => log.error({ err: cause }, 'commit'))
        endProcess()
      }
      throw error
    }
  }

  /**
   * After a commit that failed LMDB's writer may never begin another one, nor be closed. What was committed is whole: the
   * process ends, and goes on from there when it is started again.
   */
  function endProcess(): void {
    if (broken) return
    broken = true
    setImmediate(() => {
      throw new Error('LMDB failed to commit and cannot go on: the profiler ends, start it again')
    })
  }

  async function putAside(from: Database<Buffer, Buffer>, key: Buffer, suffix = ''): Promise<void> {
    await durably(() => {
      const damaged = from.get(key)
      if (!damaged) return
      quarantined.putSync(Buffer.from(`${clock.nowUnixMs()}\0${key}${suffix}`), damaged)
      from.removeSync(key)
    })
  }

  /** A part that is damaged is lost by itself. */
  async function withParts(id: string, stored: StoredSession): Promise<StoredSession> {
    const parts = new Map<string, SessionPart>(stored.parts)
    for (const { key, value } of sessionParts.getRange(partsOf(id))) {
      if (turn.isOver()) await turn.rest()
      try {
        parts.set(key.subarray(Buffer.byteLength(id) + 1).toString(), openPart(value))
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error
        log.error({ err: error, session: id }, 'a damaged part of a session was put aside')
        await putAside(sessionParts, key)
      }
    }
    return { ...stored, parts }
  }

  const deltasBeside = (key: Buffer, sealed: Buffer): readonly Buffer[] =>
    deltasBehind(sealed, (index) => deltas.get(deltaKey(key, index)))

  /** At once where it is a short delta, as most are: a commit has one for each profile. */
  function recordOf(key: string, profile: Profile): Delta | Whole | Promise<Delta | Whole> {
    const base = bases.get(key)
    const delta = base && deltaOf(base, profile)
    if (delta instanceof Promise) return delta.then<Delta | Whole>((made) => made ?? wholeOf(profile))
    return delta ?? wholeOf(profile)
  }

  async function wholeOf(profile: Profile): Promise<Whole> {
    const sealed = await sealProfile(profile, codec)
    return { sealed, base: baseOf(profile, sealed) }
  }

  /** Profiles with more than one delta become whole: of several, an earlier release reads the first alone. */
  async function joinDeltas(): Promise<void> {
    const endMs = clock.monotonicMs() + joiningMs
    const places: Buffer[] = []
    for (const place of profiles.getKeys()) {
      if (turn.isOver()) await turn.rest()
      if (deltas.doesExist(deltaKey(place, 1))) places.push(place)
    }
    for (let at = 0; at < places.length; at += joinedAtOnce) {
      if (clock.monotonicMs() > endMs) {
        log.warn({ profiles: places.length - at }, 'an earlier release would not know the latest of these')
        return
      }
      const joined: (readonly [place: Buffer, sealed: Buffer])[] = []
      for (const place of places.slice(at, at + joinedAtOnce)) {
        if (turn.isOver()) await turn.rest()
        const sealed = await joinedRecord(place)
        if (sealed) joined.push([place, sealed])
      }
      await durably(() => {
        for (const [place, sealed] of joined) {
          removeDeltas(place)
          profiles.putSync(place, sealed)
        }
      })
    }
  }

  /** Undefined where there is nothing to join, or nobody can read it. */
  async function joinedRecord(place: Buffer): Promise<Buffer | undefined> {
    try {
      const sealed = profiles.get(place)
      const beside = sealed && deltasBeside(place, sealed)
      if (!sealed || !beside || beside.length < 2) return undefined
      return await sealProfile(await applyDeltas(await openProfile(sealed), beside), codec)
    } catch (error) {
      if (!(error instanceof DamagedRecord) && !isNewer(error)) throw error
      return undefined
    }
  }

  function removeDeltas(place: Buffer): void {
    for (let i = 0; deltas.removeSync(deltaKey(place, i)); i++);
  }

  return {
    durability: 'disk',
    async *load() {
      for (const { key, value } of profiles.getRange()) {
        try {
          const whole = lastSeenOf(value)
          const delta = deltasBeside(key, value).at(-1)
          yield { key: key.toString(), lastSeenUnixMs: delta ? lastSeenOf(sealedIn(delta)) : whole }
        } catch (error) {
          if (!(error instanceof DamagedRecord) && !isNewer(error)) throw error
          yield { key: key.toString(), lastSeenUnixMs: clock.nowUnixMs() }
        }
      }
    },
    async *loadSessions() {
      for (const { key, value } of sessions.getRange()) {
        const id = key.toString()
        try {
          yield [id, await withParts(id, openVersion(value))]
        } catch (error) {
          if (!(error instanceof DamagedRecord)) throw error
          log.error({ err: error, session: id }, 'a damaged session was put aside')
          await putAside(sessions, key)
          for (const { key: place } of sessionParts.getRange(partsOf(id))) await putAside(sessionParts, place)
        }
      }
    },
    async read(key) {
      const place = Buffer.from(key)
      const sealed = profiles.get(place)
      if (!sealed) return undefined
      // Both as of one moment: meanwhile a commit may write it whole.
      const beside = deltasBeside(place, sealed)
      return applyDeltas(await openProfile(sealed), beside)
    },
    async write(profileWrites, sessionWrites) {
      const records: (readonly [string, Buffer, Delta | Whole | undefined])[] = []
      for (const [key, profile] of profileWrites) {
        if (turn.isOver()) await turn.rest()
        const record = profile && recordOf(key, profile)
        records.push([key, Buffer.from(key), record instanceof Promise ? await record : record])
      }
      const sealedSessions: SealedSession[] = []
      for (const each of sessionWrites) {
        if (turn.isOver()) await turn.rest()
        sealedSessions.push(await sealSession(each))
      }
      // Should this fail, nobody knows what is there: what comes next is stored whole.
      for (const [key] of records) bases.delete(key)
      await durably(() => {
        for (const [, place, record] of records) {
          if (record && 'delta' in record) {
            deltas.putSync(deltaKey(place, record.index), record.delta)
            continue
          }
          // Left behind, they would follow again from a profile that is put back as it once was.
          removeDeltas(place)
          if (record) profiles.putSync(place, record.sealed)
          else profiles.removeSync(place)
        }
        for (const { place, version, parts } of sealedSessions) {
          if (version) sessions.putSync(place, version)
          else sessions.removeSync(place)
          for (const [key, sealed] of parts) {
            if (sealed) sessionParts.putSync(key, sealed)
            else sessionParts.removeSync(key)
          }
        }
      })
      for (const [key, , record] of records) if (record) bases.set(key, record.base)
    },
    async quarantine(key) {
      bases.delete(key)
      const place = Buffer.from(key)
      await putAside(profiles, place)
      for (let i = 0; deltas.doesExist(deltaKey(place, i)); i++)
        await putAside(deltas, deltaKey(place, i), i === 0 ? '\0delta' : '')
    },
    async close() {
      if (!broken) {
        await joinDeltas().catch((error: unknown) => log.warn({ err: error }, 'deltas were not joined'))
        await root.close()
      }
      await lock.release()
    },
  }
}

interface SealedSession {
  readonly place: Buffer
  readonly version: Buffer | undefined
  readonly parts: readonly (readonly [key: Buffer, sealed: Buffer | undefined])[]
}

async function sealSession({ id, before, checkpoint }: SessionWrite): Promise<SealedSession> {
  const parts: (readonly [key: Buffer, sealed: Buffer | undefined])[] = []
  for (const name of (checkpoint ?? before)?.parts.keys() ?? []) {
    if (turn.isOver()) await turn.rest()
    const part = checkpoint?.parts.get(name)
    parts.push([partKey(id, name), part && sealPart(part)])
  }
  return { place: Buffer.from(id), version: checkpoint && sealVersion(checkpoint), parts }
}

/** The first lies where earlier programs put their only one. Names hold no control characters. */
const deltaKey = (place: Buffer, index: number) =>
  index === 0 ? place : Buffer.concat([place, Buffer.from(`\0${index}`)])

const partKey = (id: string, name: string) => Buffer.from(`${id}\0${name}`)

const partsOf = (id: string) => ({ start: partKey(id, ''), end: Buffer.from(`${id}\u0001`) })
