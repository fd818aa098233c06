import { randomUUID } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import {
  type Profile,
  type ProfileKind,
  profileId,
  profileKeyOf,
  profileKinds,
} from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { makeFolder } from '../../../shared/runtime/folder.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { openCheckpoint, sealCheckpoint } from '../checkpoint.ts'
import { type Codec, DamagedRecord, openProfile, sealProfile } from '../envelope.ts'
import { isNewer } from './changes.ts'
import { moveDurably, temporaryPrefix, writeDurably } from './durable-files.ts'
import { fromFileName, toFileName } from './file-name.ts'
import type { Medium } from './local-store.ts'
import { lockDirectory } from './lock.ts'
import { profileFromJson, profileToJson } from './profile-json.ts'

export const fileFormats = ['json', 'protobuf'] as const

export interface FileSettings {
  readonly directory: string
  /** Of profiles that are written; those of either are read. */
  readonly format: (typeof fileFormats)[number]
  /** Of protobuf. */
  readonly codec: Codec
}

const extensions = { json: '.json', protobuf: '.pb' } as const

/**
 * One file a profile in a folder of its namespace and kind, used by one process:
 * `profiles/NAMESPACE/KIND/TASK.json`, `sessions/ID.session`, `quarantine/`.
 */
export async function fileMedium(
  { directory, format, codec }: FileSettings,
  clock: Clock,
  log: Log,
): Promise<Medium> {
  makeFolder(directory)
  const lock = await lockDirectory(directory)
  const profilesFolder = join(directory, 'profiles')
  const sessionsFolder = join(directory, 'sessions')
  const quarantineFolder = join(directory, 'quarantine')
  /** Where each profile lies that is not where it would be written today. */
  const elsewhere = new Map<string, string>()

  function pathOf(key: string): string {
    const { namespace, kind, task } = profileKeyOf(key)
    return join(profilesFolder, toFileName(namespace), kind, `${toFileName(task)}${extensions[format]}`)
  }

  const sessionPathOf = (id: string) => join(sessionsFolder, `${toFileName(id)}.session`)

  const putAside = (path: string) =>
    moveDurably(
      path,
      join(quarantineFolder, `${clock.nowUnixMs()}-${randomUUID().slice(0, 8)}-${basename(path)}`),
    )

  async function readProfileAt(path: string): Promise<Profile> {
    const content = await readFile(path)
    return extname(path) === '.json' ? profileFromJson(content.toString()) : openProfile(content)
  }

  async function* profileFiles(): AsyncIterable<{ key: string; path: string; lastSeenUnixMs: number }> {
    for (const namespaceName of await entriesOf(profilesFolder)) {
      for (const kind of await entriesOf(join(profilesFolder, namespaceName))) {
        if (!isKind(kind)) continue
        const folder = join(profilesFolder, namespaceName, kind)
        for (const file of await entriesOf(folder)) {
          const path = join(folder, file)
          if (file.startsWith(temporaryPrefix)) {
            await rm(path, { force: true })
            continue
          }
          const namespace = fromFileName(namespaceName)
          const task = fromFileName(file.slice(0, -extname(file).length))
          const key =
            namespace === undefined || task === undefined
              ? await keyInside(path)
              : profileId({ namespace, kind, task })
          if (key !== undefined) yield { key, path, lastSeenUnixMs: (await stat(path)).mtimeMs }
        }
      }
    }
  }

  async function keyInside(path: string): Promise<string | undefined> {
    try {
      return profileId((await readProfileAt(path)).key)
    } catch (error) {
      if (!(error instanceof DamagedRecord) && !isNewer(error)) throw error
      log.error({ err: error, path }, 'a profile that cannot be read was put aside')
      await putAside(path)
      return undefined
    }
  }

  return {
    durability: 'disk',
    async *load() {
      const found = new Map<string, { path: string; lastSeenUnixMs: number }>()
      for await (const { key, path, lastSeenUnixMs } of profileFiles()) {
        const other = found.get(key)
        // A crash while the format was being changed leaves both: the later one is whole.
        const isLater = other === undefined || lastSeenUnixMs >= other.lastSeenUnixMs
        if (other) await rm(isLater ? other.path : path)
        if (isLater) found.set(key, { path, lastSeenUnixMs })
      }
      for (const [key, { path, lastSeenUnixMs }] of found) {
        if (path !== pathOf(key)) elsewhere.set(key, path)
        yield { key, lastSeenUnixMs }
      }
    },
    async *loadSessions() {
      for (const file of await entriesOf(sessionsFolder)) {
        const path = join(sessionsFolder, file)
        if (file.startsWith(temporaryPrefix)) {
          await rm(path, { force: true })
          continue
        }
        try {
          const { id, checkpoint } = openSessionFile(await readFile(path))
          yield [id, checkpoint]
        } catch (error) {
          if (!(error instanceof DamagedRecord)) throw error
          log.error({ err: error, path }, 'a damaged session was put aside')
          await putAside(path)
        }
      }
    },
    async read(key) {
      const profile = await readProfileAt(elsewhere.get(key) ?? pathOf(key))
      if (profileId(profile.key) !== key) throw new DamagedRecord('it is the profile of another task')
      return profile
    },
    async write(profiles, sessions) {
      await writeDurably(
        profiles.map(([key, profile]) => [
          pathOf(key),
          profile && (format === 'json' ? profileToJson(profile) : sealProfile(profile, codec)),
        ]),
      )
      const moved = profiles.flatMap(([key]) => elsewhere.get(key) ?? [])
      await writeDurably(moved.map((path) => [path, undefined]))
      for (const [key] of profiles) elsewhere.delete(key)
      await writeDurably(
        sessions.map(([id, checkpoint]) => [
          sessionPathOf(id),
          checkpoint && sealSessionFile(id, sealCheckpoint(checkpoint)),
        ]),
      )
    },
    async quarantine(key) {
      await putAside(elsewhere.get(key) ?? pathOf(key))
      elsewhere.delete(key)
    },
    close: () => lock.release(),
  }
}

/** A session's file names the session: its own name may be too long to tell. */
function sealSessionFile(id: string, checkpoint: Uint8Array): Uint8Array {
  const name = Buffer.from(id)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(name.length)
  return Buffer.concat([length, name, checkpoint])
}

function openSessionFile(content: Buffer) {
  if (content.length < 2) throw new DamagedRecord('the session is torn')
  const end = 2 + content.readUInt16LE(0)
  return { id: content.subarray(2, end).toString(), checkpoint: openCheckpoint(content.subarray(end)) }
}

const isKind = (name: string): name is ProfileKind => profileKinds.some((kind) => kind === name)

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
