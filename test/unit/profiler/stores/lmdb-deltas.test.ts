import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import { DamagedRecord, openProfile, sealProfile } from '../../../../services/profiler/envelope.ts'
import { lmdbMedium } from '../../../../services/profiler/stores/lmdb.ts'
import type { Medium } from '../../../../services/profiler/stores/local-store.ts'
import { type Profile, type ProfileKey, profileId } from '../../../../shared/domain/profile.ts'
import { systemClock } from '../../../../shared/runtime/clock.ts'
import { encodeProfile } from '../../../../shared/wire/profile-bytes.ts'
import { recordOf } from '../../../support/executions.ts'
import { quietLog } from '../../../support/profiler-fixture.ts'
import { temporaryDirectory } from '../../../support/temporary-directory.ts'

const key: ProfileKey = { namespace: 'default', kind: 'task', task: 'a' }
const id = profileId(key)
const now = 1_800_000_000_000

let directory: string
let medium: Medium
const opened = () =>
  lmdbMedium({ directory, codec: 'zstd', cachedProfiles: 10, minFreeBytes: 0 }, systemClock, quietLog)
const reopen = async () => {
  await medium.close()
  medium = await opened()
}

beforeEach(async () => {
  directory = await temporaryDirectory()
  medium = await opened()
})
afterEach(async () => {
  await medium.close()
  await rm(directory, { recursive: true, force: true })
})

let ids = 0
function folded(before: Profile | undefined, count: number, atUnixMs = now): Profile {
  const finished = Array.from({ length: count }, () => ({ record: recordOf(`e${ids++}`) }))
  return foldAll(before, key, finished, atUnixMs, defaultFoldSettings).profile
}

const write = (profile: Profile | undefined) => medium.write([[id, profile]], [])
const stored = async () => {
  const profile = await medium.read(id)
  return profile && encodeProfile(profile)
}

async function loaded() {
  const entries = []
  for await (const entry of medium.load()) entries.push(entry)
  return entries
}

/** In the file itself, closed for as long as `action` lasts. */
async function inFile(action: (root: ReturnType<typeof open>) => Promise<void>): Promise<void> {
  await medium.close()
  const root = open({ path: join(directory, 'profiles.lmdb'), encoding: 'binary', maxDbs: 4 })
  await action(root)
  await root.close()
  medium = await opened()
}

const deltasOf = (root: ReturnType<typeof open>) =>
  root.openDB<Buffer, Buffer>({ name: 'deltas', encoding: 'binary', keyEncoding: 'binary' })

const wholeOf = (root: ReturnType<typeof open>) =>
  Buffer.from(
    root
      .openDB<Buffer, Buffer>({ name: 'profiles', encoding: 'binary', keyEncoding: 'binary' })
      .get(Buffer.from(id)) as Buffer,
  )

/** As they are while the store is open: what a crash leaves. */
const filesOf = async (folder: string) =>
  Promise.all(
    (await readdir(folder))
      .filter((name) => name.startsWith('profiles.lmdb'))
      .map(async (name) => [name, await readFile(join(folder, name))] as const),
  )

const restore = (folder: string, files: Awaited<ReturnType<typeof filesOf>>) =>
  Promise.all(files.map(([name, bytes]) => writeFile(join(folder, name), bytes)))

test('whatever way a profile goes, what is read is what was written last', async () => {
  let profile = folded(undefined, 3)
  for (let i = 0; i < 300; i++) {
    profile = i === 150 ? folded(undefined, 40) : folded(profile, 1 + (i % 7))
    await write(profile)
    if (i % 50 === 49) await reopen()
    expect(await stored()).toEqual(encodeProfile(profile))
  }
  await write(undefined)
  await inFile(async (root) => expect(deltasOf(root).getKeysCount()).toBe(0))
  expect(await stored()).toBeUndefined()
  await write(folded(undefined, 1))
  expect(await stored()).toBeDefined()
})

test('a profile that is put back as it once was has not become again what it was after that', async () => {
  const once = folded(undefined, 30)
  await write(once)
  const later = folded(once, 1)
  await write(later)
  await write(folded(later, 1))
  await write(once)
  expect(await stored()).toEqual(encodeProfile(once))
  await reopen()
  expect(await stored()).toEqual(encodeProfile(once))
  await write(later)
  await reopen()
  expect(await stored()).toEqual(encodeProfile(later))
})

test('a store that is closed holds no more deltas of a profile than an earlier program reads, and the same', async () => {
  let profile = folded(undefined, 3)
  for (let i = 0; i < 6; i++) {
    await write(profile)
    profile = folded(profile, 1)
  }
  await write(profile)
  await inFile(async (root) => {
    expect(deltasOf(root).getKeysCount()).toBe(0)
    expect(encodeProfile(await openProfile(wholeOf(root)))).toEqual(encodeProfile(profile))
  })
  expect(await stored()).toEqual(encodeProfile(profile))
})

test('deltas that an earlier program has not followed count for nothing', async () => {
  let profile = folded(undefined, 3)
  await write(profile)
  const first = folded(profile, 1)
  await write(first)
  profile = first
  for (let i = 0; i < 5; i++) {
    profile = folded(profile, 1)
    await write(profile)
  }
  const left = await filesOf(directory)
  await medium.close()
  await restore(directory, left)
  const beside = folded(first, 2)
  const root = open({ path: join(directory, 'profiles.lmdb'), encoding: 'binary', maxDbs: 4 })
  const { executions, folded: prints } = await openProfile(wholeOf(root))
  // Such a program tells all since the profile that is whole in its only delta.
  const added = {
    executions: beside.executions.slice(executions.length),
    folded: beside.folded.slice(prints.length),
  }
  const head = Buffer.from(deltasOf(root).get(Buffer.from(id)) as Buffer).subarray(0, 16)
  await deltasOf(root).put(
    Buffer.from(id),
    Buffer.concat([head, await sealProfile({ ...beside, ...added }, 'none')]),
  )
  await root.close()
  medium = await opened()
  expect(await stored()).toEqual(encodeProfile(beside))
})

test('a profile is put aside with all its deltas, and begins anew', async () => {
  let profile = folded(undefined, 3)
  for (let i = 0; i < 5; i++) {
    await write(profile)
    profile = folded(profile, 1)
  }
  await medium.quarantine(id)
  await inFile(async (root) => expect(deltasOf(root).getKeysCount()).toBe(0))
  const anew = folded(undefined, 2)
  await write(anew)
  await write(folded(anew, 1))
  await reopen()
  expect((await medium.read(id))?.executions).toHaveLength(3)
})

test('when a profile was last seen is known without opening it', async () => {
  const profile = folded(undefined, 3)
  await write(profile)
  await write(folded(profile, 1, now + 5000))
  await reopen()
  expect(await loaded()).toEqual([{ key: id, lastSeenUnixMs: now + 5000 }])
})

test('a damaged delta makes the profile one that cannot be read, and it is put aside', async () => {
  const profile = folded(undefined, 3)
  await write(profile)
  await write(folded(profile, 1))
  await inFile(async (root) => {
    const delta = deltasOf(root).get(Buffer.from(id)) as Buffer
    await deltasOf(root).put(Buffer.from(id), delta.subarray(0, 30))
  })
  expect(await loaded()).toHaveLength(1)
  await expect(medium.read(id)).rejects.toThrow(DamagedRecord)
  await medium.quarantine(id)
  expect(await stored()).toBeUndefined()
  await write(profile)
  expect(await stored()).toEqual(encodeProfile(profile))
})

test('what an older program has written whole since is not overwritten by a delta that it left', async () => {
  const profile = folded(undefined, 3)
  const later = folded(profile, 1)
  await write(profile)
  await write(later)
  let left: Buffer | undefined
  await inFile(async (root) => {
    left = Buffer.from(deltasOf(root).get(Buffer.from(id)) as Buffer)
  })
  const newer = folded(later, 20)
  await write(newer)
  await inFile(async (root) => void (await deltasOf(root).put(Buffer.from(id), left as Buffer)))
  expect(await stored()).toEqual(encodeProfile(newer))
})
