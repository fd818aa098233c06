import { atOnce } from '../../shared/domain/at-once.ts'
import { ForesizeError, type Violation } from '../../shared/domain/errors.ts'
import { type Profile, type ProfileKey, profileKinds } from '../../shared/domain/profile.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import { inTurns, turn } from '../../shared/runtime/turns.ts'
import { checkText } from '../../shared/wire/fields.ts'
import { type Inspection, inspection } from '../../shared/wire/inspection.ts'
import { profileSteps } from '../../shared/wire/profile.ts'
import { profileByteSteps } from '../../shared/wire/profile-bytes.ts'
import { type FoldSettings, foldAll } from './domain/fold.ts'
import { DamagedRecord } from './envelope.ts'
import { refuseFull } from './import-room.ts'
import { migrate } from './migrations.ts'
import {
  formatProfile,
  headOf,
  type ProfileFormat,
  profileDecoder,
  profileReader,
  type ReadProfile,
} from './profile-format.ts'
import type { ProfileStore } from './store.ts'

const pageSize = 100
const chunkBytes = 64 * 1024

/** A piece of a file, and how many profiles are in it and in all before. */
export interface ExportedChunk {
  readonly data: Uint8Array
  readonly profiles: number
}

/** Every profile of the namespaces, or of all, in order of their keys. What runs just now is left out. */
export async function* exportProfiles(
  store: ProfileStore,
  namespaces: readonly string[],
  format: ProfileFormat,
): AsyncIterable<ExportedChunk> {
  let pieces: Uint8Array[] = [headOf(format)]
  let bytes = 0
  let profiles = 0
  for await (const profile of allProfiles(store, namespaces)) {
    if (turn.isOver()) await turn.rest()
    const piece = await formatProfile({ ...profile, running: [] }, format)
    pieces.push(piece)
    bytes += piece.length
    profiles += 1
    if (bytes < chunkBytes) continue
    yield { data: Buffer.concat(pieces), profiles }
    pieces = []
    bytes = 0
  }
  yield { data: Buffer.concat(pieces), profiles }
}

async function* allProfiles(store: ProfileStore, namespaces: readonly string[]): AsyncIterable<Profile> {
  for (const namespace of namespaces.length > 0 ? namespaces : await store.namespaces()) {
    for (const kind of profileKinds) {
      let page: readonly Profile[] = []
      do {
        const after = page.at(-1)?.key.task ?? ''
        page = await store.list({ namespace, kind, prefix: '', after, limit: pageSize })
        yield* page
      } while (page.length === pageSize)
    }
  }
}

export interface ImportOptions {
  readonly format: Exclude<ProfileFormat, 'csv-summary'>
  /** `merge`: keep what is there and fold in the executions that it has not folded. `replace`: put the new in its place. */
  readonly mode: 'merge' | 'replace'
  readonly dryRun: boolean
}

export interface ImportResult {
  readonly created: number
  readonly changed: number
  readonly unchanged: number
  /** The first 100. `index` is the profile's place in the file, from 0. */
  readonly rejections: readonly { readonly index: number; readonly violations: readonly Violation[] }[]
  readonly rejected: number
}

export interface ImportSettings extends FoldSettings {
  /** Why a profile that is new may not be made. */
  readonly refuseNew: (key: ProfileKey) => Promise<string | undefined>
}

const maxRejections = 100

/** Throws: ForesizeError `invalid` where the file cannot be read on; what came before is imported. */
export async function importProfiles(
  store: ProfileStore,
  pieces: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  nowUnixMs: () => number,
  settings: ImportSettings,
): Promise<ImportResult> {
  const counts = { created: 0, changed: 0, unchanged: 0 }
  const rejections: { index: number; violations: readonly Violation[] }[] = []
  let rejected = 0
  let index = 0

  function reject(violations: readonly Violation[]): void {
    rejected += 1
    if (rejections.length < maxRejections) rejections.push({ index, violations })
  }

  async function take(content: Buffer): Promise<void> {
    if (turn.isOver()) await turn.rest()
    const seen = inspection()
    const profile = await toImported(await decode(content), seen)
    if (profile && seen.violations.length === 0) {
      const before = await store.get(profile.key)
      const refused = before ? undefined : await settings.refuseNew(profile.key)
      if (refused) reject([{ field: 'key', description: refused }])
      else counts[await put(profile, before)] += 1
    } else reject(seen.violations)
    index += 1
  }

  async function put(profile: Profile, seenBefore: Profile | undefined): Promise<keyof typeof counts> {
    let done: keyof typeof counts = 'unchanged'
    const isSameAs = options.mode === 'replace' ? await comparison(profile, seenBefore) : undefined
    const change = (before: Profile | undefined) => {
      const after = before === undefined || isSameAs ? profile : merged(before, profile)
      // A fold that changes anything raises the revision.
      const isSame = before !== undefined && (isSameAs ? isSameAs(before) : after === before)
      done = before ? (isSame ? 'unchanged' : 'changed') : 'created'
      return isSame ? before : after
    }
    if (options.dryRun) change(seenBefore)
    else await store.commit({ changes: [{ key: profile.key, change }], checkpoints: new Map() })
    return done
  }

  function merged(before: Profile, imported: Profile): Profile {
    const finished = imported.executions.map((record) => ({ record }))
    return foldAll(before, before.key, finished, nowUnixMs(), settings).profile
  }

  const reader = profileReader(options.format)
  const decode = profileDecoder(options.format)
  try {
    for await (const piece of pieces) for (const content of reader.push(piece)) await take(content)
    for (const content of reader.end()) await take(content)
  } catch (error) {
    if (!(error instanceof DamagedRecord)) throw error
    throw new ForesizeError('invalid', `profile ${index}: ${error.message}; ${index} were read before it`)
  }
  return { ...counts, rejections, rejected }
}

async function toImported(read: ReadProfile, seen: Inspection): Promise<Profile | undefined> {
  if ('error' in read) {
    seen.reject('', read.error)
    return undefined
  }
  const { schemaVersion } = read.message
  if (!(Number.isInteger(schemaVersion) && schemaVersion > 0)) {
    const fault = schemaVersion === 0 ? 'is required' : `must be a whole number from 1, was ${schemaVersion}`
    seen.reject('schema_version', fault)
    return undefined
  }
  try {
    const profile = await inTurns(profileSteps(migrate(read.message, schemaVersion), '', seen))
    refuseFull(profile, seen)
    for (const [i, { task }] of profile.executions.entries()) {
      if (!isOf(profile.key, task)) seen.reject(`executions[${i}].task`, 'is not of this profile')
    }
    for (const [i, { strategy, variant }] of profile.accuracy.entries()) {
      checkText(strategy, `accuracy[${i}].strategy`, seen)
      checkText(variant, `accuracy[${i}].variant`, seen)
    }
    return { ...profile, running: [] }
  } catch (error) {
    if (!(error instanceof ForesizeError)) throw error
    seen.reject('schema_version', error.message)
    return undefined
  }
}

/** A task's profile holds its own executions; that of a namespace those of tasks that it had no room for. */
const isOf = (key: ProfileKey, { namespace, task }: TaskKey) =>
  namespace === key.namespace && (key.kind !== 'task' || task === key.task)

/** Whether a profile has the same bytes. One that was seen before is compared now, in turns: a change is made in one. */
async function comparison(
  profile: Profile,
  seenBefore: Profile | undefined,
): Promise<(other: Profile) => boolean> {
  const bytes = await inTurns(comparedSteps(profile))
  const isAsSeen = seenBefore !== undefined && bytes.equals(await inTurns(comparedSteps(seenBefore)))
  return (other) => (other === seenBefore ? isAsSeen : bytes.equals(atOnce(comparedSteps(other))))
}

const comparedSteps = (profile: Profile) => profileByteSteps({ ...profile, running: [] })
