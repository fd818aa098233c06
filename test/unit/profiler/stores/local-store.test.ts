import { expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import type { ProfileStore } from '../../../../services/profiler/store.ts'
import { localStore } from '../../../../services/profiler/stores/local-store.ts'
import { memoryMedium } from '../../../../services/profiler/stores/memory.ts'
import type { ProfileKey } from '../../../../shared/domain/profile.ts'
import { recordOf } from '../../../support/executions.ts'
import { quietLog } from '../../../support/profiler-fixture.ts'

const keys = Array.from(
  { length: 10 },
  (_, i): ProfileKey => ({ namespace: 'default', kind: 'task', task: `t${i}` }),
)

const settings = { maxFeedEntries: 100, cachedProfiles: 2, heartbeatMs: 1000 }
const readFromMedium = keys.length - settings.cachedProfiles

/** With one profile a key. @param onRead called before a profile is read from the medium. */
async function storeOf(onRead: () => void): Promise<ProfileStore> {
  const medium = memoryMedium({ codec: 'none', cachedProfiles: settings.cachedProfiles })
  const watched: typeof medium = {
    ...medium,
    read(key) {
      onRead()
      return medium.read(key)
    },
  }
  const store = await localStore(watched, settings, quietLog)
  const changes = keys.map((key) => ({
    key,
    change: () => foldAll(undefined, key, [{ record: recordOf(key.task) }], 1, defaultFoldSettings).profile,
  }))
  await store.commit({ changes, checkpoints: new Map() })
  return store
}

async function watchAll(store: ProfileStore): Promise<void> {
  for await (const { type } of store.watch('', new AbortController().signal)) {
    if (type === 'caught-up') break
  }
}

const listAll = (store: ProfileStore) =>
  store.list({ namespace: 'default', kind: 'task', prefix: '', after: '', limit: keys.length })

test('whoever reads all profiles drives none out of memory that is in use', async () => {
  let reads = 0
  const store = await storeOf(() => {
    reads += 1
  })
  await watchAll(store)
  await listAll(store)
  expect(reads).toBe(2 * readFromMedium)
  for (const key of keys.slice(-settings.cachedProfiles)) await store.get(key)
  expect(reads).toBe(2 * readFromMedium)
  await store.close()
})

test.each([
  ['a watch', watchAll],
  ['a list', listAll],
])('%s of everything lets others go on after each profile that takes long', async (_, readAll) => {
  const store = await storeOf(() => {
    // Longer than a slice of a turn.
    for (const endMs = performance.now() + 5; performance.now() < endMs; );
  })
  let turns = 0
  let isDone = false
  const count = () => {
    turns += 1
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await readAll(store)
  isDone = true
  expect(turns).toBeGreaterThanOrEqual(readFromMedium - 1)
  await store.close()
})
