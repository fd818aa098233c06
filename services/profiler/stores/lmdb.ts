import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { makeFolder } from '../../../shared/runtime/folder.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { openCheckpoint, sealCheckpoint } from '../checkpoint.ts'
import { type Codec, DamagedRecord, lastSeenOf, openProfile, sealProfile } from '../envelope.ts'
import type { Medium } from './local-store.ts'
import { lockDirectory } from './lock.ts'

export interface LmdbSettings {
  readonly directory: string
  readonly codec: Codec
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
 * One LMDB environment in a directory, used by one process. A call of `write` is one transaction.
 * `overlappingSync` is off, so that a transaction resolves after its fsync; `eventTurnBatching` is off, because with it
 * a commit that fails leaves a rejection that nobody can handle.
 */
export async function lmdbMedium(
  { directory, codec }: LmdbSettings,
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
    maxDbs: 3,
  })
  const database = (name: string): Database<Buffer, Buffer> =>
    root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
  const profiles = database('profiles')
  const sessions = database('sessions')
  const quarantined = database('quarantine')

  async function durably(action: () => void): Promise<void> {
    try {
      await root.transaction(action)
    } catch (error) {
      // The cause comes later, as a promise of its own.
      if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) {
        error.commitError.catch((cause: unknown) => log.error({ err: cause }, 'LMDB could not commit'))
      }
      throw error
    }
  }

  async function putAside(from: Database<Buffer, Buffer>, key: Buffer): Promise<void> {
    await durably(() => {
      const damaged = from.get(key)
      if (!damaged) return
      quarantined.putSync(Buffer.from(`${clock.nowUnixMs()}\0${key}`), damaged)
      from.removeSync(key)
    })
  }

  return {
    durability: 'disk',
    async *load() {
      for (const { key, value } of profiles.getRange()) {
        try {
          yield { key: key.toString(), lastSeenUnixMs: lastSeenOf(value) }
        } catch (error) {
          if (!(error instanceof DamagedRecord)) throw error
          yield { key: key.toString(), lastSeenUnixMs: clock.nowUnixMs() }
        }
      }
    },
    async *loadSessions() {
      for (const { key, value } of sessions.getRange()) {
        try {
          yield [key.toString(), openCheckpoint(value)]
        } catch (error) {
          log.error({ err: error, session: key.toString() }, 'a damaged session was put aside')
          await putAside(sessions, key)
        }
      }
    },
    async read(key) {
      const sealed = profiles.get(Buffer.from(key))
      return sealed && openProfile(sealed)
    },
    async write(profileWrites, sessionWrites) {
      const sealedProfiles = profileWrites.map(
        ([key, profile]) => [Buffer.from(key), profile && Buffer.from(sealProfile(profile, codec))] as const,
      )
      const sealedSessions = sessionWrites.map(
        ([id, checkpoint]) =>
          [Buffer.from(id), checkpoint && Buffer.from(sealCheckpoint(checkpoint))] as const,
      )
      await durably(() => {
        for (const [key, sealed] of sealedProfiles) {
          if (sealed) profiles.putSync(key, sealed)
          else profiles.removeSync(key)
        }
        for (const [id, sealed] of sealedSessions) {
          if (sealed) sessions.putSync(id, sealed)
          else sessions.removeSync(id)
        }
      })
    },
    quarantine: (key) => putAside(profiles, Buffer.from(key)),
    async close() {
      await root.close()
      await lock.release()
    },
  }
}
