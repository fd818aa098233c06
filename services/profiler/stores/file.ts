import { randomUUID } from 'node:crypto'
import { readFile, rm, stat } from 'node:fs/promises'
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
import { turn } from '../../../shared/runtime/turns.ts'
import { type Codec, DamagedRecord, openProfile, sealProfile } from '../envelope.ts'
import { isNewer } from './changes.ts'
import { entriesOf, type FileWrite, moveDurably, temporaryPrefix, writeDurably } from './durable-files.ts'
import { fromFileName, toFileName } from './file-name.ts'
import type { Medium } from './local-store.ts'
import { lockDirectory } from './lock.ts'
import { profileFromJson, profileToJson } from './profile-json.ts'
import { sessionJournals } from './session-journals.ts'

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
 * `profiles/NAMESPACE/KIND/TASK.json`, `sessions/ID.journal`, `quarantine/`.
 */
export async function fileMedium(
  { directory, format, codec }: FileSettings,
  clock: Clock,
  log: Log,
): Promise<Medium> {
  makeFolder(directory)
  const lock = await lockDirectory(directory)
  const profilesFolder = join(directory, 'profiles')
  const quarantineFolder = join(directory, 'quarantine')
  /** Where each profile lies that is not where it would be written today. */
  const elsewhere = new Map<string, string>()

  function pathOf(key: string): string {
    const { namespace, kind, task } = profileKeyOf(key)
    return join(profilesFolder, toFileName(namespace), kind, `${toFileName(task)}${extensions[format]}`)
  }

  const putAside = (path: string) =>
    moveDurably(
      path,
      join(quarantineFolder, `${clock.nowUnixMs()}-${randomUUID().slice(0, 8)}-${basename(path)}`),
    )

  const journals = sessionJournals(join(directory, 'sessions'), putAside, log)

  const contentOf = (profile: Profile) =>
    format === 'json' ? profileToJson(profile) : sealProfile(profile, codec)

  async function readProfileAt(path: string): Promise<Profile> {
    const content = await readFile(path)
    return extname(path) === '.json' ? profileFromJson(content) : openProfile(content)
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
    loadSessions: journals.load,
    async read(key) {
      const profile = await readProfileAt(elsewhere.get(key) ?? pathOf(key))
      if (profileId(profile.key) !== key) throw new DamagedRecord('it is the profile of another task')
      return profile
    },
    async write(profiles, sessions) {
      const files: FileWrite[] = []
      for (const [key, profile] of profiles) {
        if (turn.isOver()) await turn.rest()
        files.push([pathOf(key), profile && (await contentOf(profile))])
      }
      await writeDurably(files)
      const moved = profiles.flatMap(([key]) => elsewhere.get(key) ?? [])
      await writeDurably(moved.map((path) => [path, undefined]))
      for (const [key] of profiles) elsewhere.delete(key)
      await journals.write(sessions)
    },
    async quarantine(key) {
      await putAside(elsewhere.get(key) ?? pathOf(key))
      elsewhere.delete(key)
    },
    close: () => lock.release(),
  }
}

const isKind = (name: string): name is ProfileKind => profileKinds.some((kind) => kind === name)
