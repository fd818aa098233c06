import { afterEach, expect, test } from 'vitest'
import type { Claim } from '../../../services/profiler/claim.ts'
import { defaultFoldSettings } from '../../../services/profiler/domain/fold.ts'
import { ingestion } from '../../../services/profiler/ingestion.ts'
import { localStore } from '../../../services/profiler/stores/local-store.ts'
import { memoryMedium } from '../../../services/profiler/stores/memory.ts'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { heldBytes } from '../../../shared/runtime/held-bytes.ts'
import { execution } from '../../support/histories.ts'
import { quietLog } from '../../support/profiler-fixture.ts'
import { configOf } from '../../support/stores.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const anybody: Claim = { scope: undefined, namespaces: undefined, authorize: () => undefined }
const begun = (executionId: string) => ({
  ...{ start: { ...execution(executionId), executionId }, leaseMs: 60_000, path: 'starts[0]' },
})
const batch = (sequence: number, executionId: string) => ({
  ...{ sequence, starts: [begun(executionId)], samples: [], ends: [] },
})

test('a session that is opened again while its last batch is being stored is opened with it', async () => {
  const config = { ...defaultFoldSettings, ...configOf({ store: 'memory' }) }
  const medium = memoryMedium({ codec: 'none', cachedProfiles: 10 })
  const store = await localStore(medium, config, quietLog)
  let storing = Promise.withResolvers<void>()
  storing.resolve()
  const slow: typeof store = {
    ...store,
    commit: async (commit) => {
      await storing.promise
      return store.commit(commit)
    },
  }
  const sessions = ingestion(slow, systemClock, config, quietLog, heldBytes(config))
  cleanups.push(
    () => store.close(),
    () => sessions.drain(),
  )
  await sessions.letIn(['default'], anybody.scope)
  const first = await sessions.open('worker', anybody)
  storing = Promise.withResolvers()
  const last = first.apply(batch(1, 'one'), systemClock.nowUnixMs())
  const closed = sessions.close(first)
  const again = sessions.open('worker', anybody)
  setTimeout(storing.resolve, 50)
  await Promise.all([last?.durable, closed])
  expect([...(await again).state().open.keys()]).toEqual(['one'])
})
