import { expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import { localStore } from '../../../../services/profiler/stores/local-store.ts'
import { memoryMedium } from '../../../../services/profiler/stores/memory.ts'
import type { ProfileKey } from '../../../../shared/domain/profile.ts'
import { recordOf } from '../../../support/executions.ts'
import { quietLog } from '../../../support/profiler-fixture.ts'

const keys = Array.from(
  { length: 10 },
  (_, i): ProfileKey => ({ namespace: 'default', kind: 'task', task: `t${i}` }),
)

test('whoever reads all profiles drives none out of memory that is in use', async () => {
  let reads = 0
  const medium = memoryMedium({ codec: 'none', cachedProfiles: 2 })
  const counting: typeof medium = {
    ...medium,
    read(key) {
      reads += 1
      return medium.read(key)
    },
  }
  const settings = { maxFeedEntries: 100, cachedProfiles: 2, heartbeatMs: 1000 }
  const store = await localStore(counting, settings, quietLog)
  const changes = keys.map((key) => ({
    key,
    change: () => foldAll(undefined, key, [{ record: recordOf(key.task) }], 1, defaultFoldSettings).profile,
  }))
  await store.commit({ changes, checkpoints: new Map() })
  for await (const { type } of store.watch('', new AbortController().signal)) {
    if (type === 'caught-up') break
  }
  await store.list({ namespace: 'default', kind: 'task', prefix: '', after: '', limit: 10 })
  expect(reads).toBe(2 * (keys.length - settings.cachedProfiles))
  for (const key of keys.slice(-settings.cachedProfiles)) await store.get(key)
  expect(reads).toBe(2 * (keys.length - settings.cachedProfiles))
  await store.close()
})
