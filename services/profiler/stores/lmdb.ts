import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Profile } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { makeFolder } from '../../../shared/runtime/folder.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { openCheckpoint, sealCheckpoint } from '../checkpoint.ts'
import { applyDelta, type Base, baseOf, deltaOf, isDeltaOf, sealedIn } from '../delta.ts'
import { type Codec, DamagedRecord, lastSeenOf, openProfile, sealProfile } from '../envelope.ts'
import type { Medium } from './local-store.ts'
import { lockDirectory } from './lock.ts'

export interface LmdbSettings {
  readonly directory: string
  readonly codec: Codec
  /** Profiles of which the state last stored whole is kept in memory, so that only what was added is written. */
  readonly cachedProfiles: number
}

/** LMDB's thread is given so long to leave a commit that failed. */
const writerRestMs = 100
/** Between two tries to open it anew. */
const reopenMs = 1000

interface WholeRecord {
  readonly sealed: Buffer
  readonly base: Base
}

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
 * `profiles` whole, as it was some folds ago, and beside it in `deltas` what it has become since.
 * `overlappingSync` is off, so that a transaction resolves after its fsync; `eventTurnBatching` is off, because with it
 * a commit that fails leaves a rejection that nobody can handle.
 */
export async function lmdbMedium(
  { directory, codec, cachedProfiles }: LmdbSettings,
  clock: Clock,
  log: Log,
): Promise<Medium> {
  makeFolder(directory)
  const path = join(directory, 'profiles.lmdb')
  await refuseForeign(path)
  const lock = await lockDirectory(directory)
  const openAll = () => {
    const root = open<Buffer, Buffer>({
      path,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      eventTurnBatching: false,
      maxDbs: 4,
    })
    const database = (name: string): Database<Buffer, Buffer> =>
      root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
    return {
      root,
      profiles: database('profiles'),
      deltas: database('deltas'),
      sessions: database('sessions'),
      quarantined: database('quarantine'),
    }
  }
  let lmdb = openAll()
  let abandoned: typeof lmdb | undefined
  let ready = Promise.resolve()
  const bases = recentlyUsed<Base>(cachedProfiles)

  /**
   * After a commit that failed, as on a full disk, LMDB's writer may never begin another one: it is given up, once, and
   * nothing is written meanwhile. Its thread is still at work when the failure is told: closed under it, the process
   * would end.
   */
  function abandon(failed: typeof lmdb): Promise<void> {
    if (abandoned !== failed) {
      abandoned = failed
      ready = clock
        .sleep(writerRestMs)
        .then(() => failed.root.close())
        .then(reopened)
    }
    return ready
  }

  async function reopened(): Promise<void> {
    try {
      lmdb = openAll()
    } catch (error) {
      log.error({ err: error }, 'LMDB cannot be opened anew, and is tried again')
      await clock.sleep(reopenMs)
      return reopened()
    }
  }

  async function durably(action: () => void): Promise<void> {
    await ready
    const used = lmdb
    try {
      await used.root.transaction(action)
    } catch (error) {
      // The cause comes later, as a promise of its own.
      if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) {
        error.commitError.catch((cause: unknown) => log.error({ err: cause }, 'LMDB could not commit'))
      }
      await abandon(used)
      throw error
    }
  }

  async function putAside(name: 'profiles' | 'deltas' | 'sessions', key: Buffer, suffix = ''): Promise<void> {
    await durably(() => {
      const damaged = lmdb[name].get(key)
      if (!damaged) return
      lmdb.quarantined.putSync(Buffer.from(`${clock.nowUnixMs()}\0${key}${suffix}`), damaged)
      lmdb[name].removeSync(key)
    })
  }

  /** One of another record was left by a program that did not know of deltas: what is whole is newer. */
  function deltaBeside(key: Buffer, sealed: Buffer): Buffer | undefined {
    const delta = lmdb.deltas.get(key)
    return delta && isDeltaOf(sealed, delta) ? delta : undefined
  }

  function recordOf(key: string, profile: Profile): { readonly delta: Buffer } | WholeRecord {
    const base = bases.get(key)
    const delta = base && deltaOf(base, profile)
    if (delta) return { delta }
    const sealed = sealProfile(profile, codec)
    return { sealed, base: baseOf(profile, sealed) }
  }

  return {
    durability: 'disk',
    async *load() {
      for (const { key, value } of lmdb.profiles.getRange()) {
        try {
          const whole = lastSeenOf(value)
          const delta = deltaBeside(key, value)
          yield { key: key.toString(), lastSeenUnixMs: delta ? lastSeenOf(sealedIn(delta)) : whole }
        } catch (error) {
          if (!(error instanceof DamagedRecord)) throw error
          yield { key: key.toString(), lastSeenUnixMs: clock.nowUnixMs() }
        }
      }
    },
    async *loadSessions() {
      for (const { key, value } of lmdb.sessions.getRange()) {
        try {
          yield [key.toString(), openCheckpoint(value)]
        } catch (error) {
          log.error({ err: error, session: key.toString() }, 'a damaged session was put aside')
          await putAside('sessions', key)
        }
      }
    },
    async read(key) {
      await ready
      const place = Buffer.from(key)
      const sealed = lmdb.profiles.get(place)
      if (!sealed) return undefined
      const base = openProfile(sealed)
      const delta = deltaBeside(place, sealed)
      return delta ? applyDelta(base, delta) : base
    },
    async write(profileWrites, sessionWrites) {
      const records = profileWrites.map(
        ([key, profile]) => [key, Buffer.from(key), profile && recordOf(key, profile)] as const,
      )
      const sealedSessions = sessionWrites.map(
        ([id, checkpoint]) => [Buffer.from(id), checkpoint && sealCheckpoint(checkpoint)] as const,
      )
      // Should this fail, nobody knows what is there: what comes next is stored whole.
      for (const [key, , record] of records) if (!record || 'base' in record) bases.delete(key)
      await durably(() => {
        for (const [, place, record] of records) {
          if (record && 'delta' in record) {
            lmdb.deltas.putSync(place, record.delta)
            continue
          }
          lmdb.deltas.removeSync(place)
          if (record) lmdb.profiles.putSync(place, record.sealed)
          else lmdb.profiles.removeSync(place)
        }
        for (const [id, sealed] of sealedSessions) {
          if (sealed) lmdb.sessions.putSync(id, sealed)
          else lmdb.sessions.removeSync(id)
        }
      })
      for (const [key, , record] of records) if (record && 'base' in record) bases.set(key, record.base)
    },
    async quarantine(key) {
      bases.delete(key)
      await putAside('profiles', Buffer.from(key))
      await putAside('deltas', Buffer.from(key), '\0delta')
    },
    async close() {
      await lmdb.root.close()
      await lock.release()
    },
  }
}
