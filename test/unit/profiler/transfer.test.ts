import { expect, test } from 'vitest'
import { defaultFoldSettings } from '../../../services/profiler/domain/fold.ts'
import { formatProfile } from '../../../services/profiler/profile-format.ts'
import type { ProfileStore } from '../../../services/profiler/store.ts'
import { localStore } from '../../../services/profiler/stores/local-store.ts'
import { memoryMedium } from '../../../services/profiler/stores/memory.ts'
import { importProfiles } from '../../../services/profiler/transfer.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import { largestProfile } from '../../support/largest-profile.ts'
import { quietLog } from '../../support/profiler-fixture.ts'

const profile = largestProfile({ namespace: 'default', kind: 'task', task: 'large' })
const now = profile.lastSeenUnixMs
const rounds = 10

function usedMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function cpuMs(work: () => unknown): number {
  const before = usedMs()
  work()
  return usedMs() - before
}

/** @param onChange told what a change took, which is made in one turn. */
async function storeOf(onChange: (cpuMs: number) => void): Promise<ProfileStore> {
  const settings = { maxFeedEntries: 100, cachedProfiles: 2, heartbeatMs: 1000 }
  const store = await localStore(memoryMedium({ codec: 'none', cachedProfiles: 2 }), settings, quietLog)
  return {
    ...store,
    commit: ({ changes, checkpoints }) =>
      store.commit({
        checkpoints,
        changes: changes.map(({ key, change }) => ({
          key,
          change(before) {
            let after: typeof before
            onChange(cpuMs(() => (after = change(before))))
            return after
          },
        })),
      }),
  }
}

test('a profile that is imported as it is stored is compared before its change, in turns', async () => {
  const changesMs: number[] = []
  const store = await storeOf((cpuMs) => changesMs.push(cpuMs))
  const file = await formatProfile(profile, 'protobuf')
  const pieces = async function* () {
    yield file
  }
  const options = { format: 'protobuf', mode: 'replace', dryRun: false } as const
  const settings = { ...defaultFoldSettings, refuseNew: async () => undefined }
  const results: unknown[] = []
  for (let i = 0; i <= rounds; i++)
    results.push(await importProfiles(store, pieces(), options, () => now, settings))
  expect(results[0]).toMatchObject({ created: 1 })
  for (const result of results.slice(1)) expect(result).toMatchObject({ unchanged: 1 })

  const encodedMs = cpuMs(() => {
    for (let i = 0; i < rounds; i++) encodeProfile(profile)
  })
  const allMs = changesMs.slice(1).reduce((sum, each) => sum + each, 0)
  expect(allMs).toBeLessThan(encodedMs / 2)
})
