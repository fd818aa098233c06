import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Estimator } from '../../services/estimator/estimator.ts'
import { estimatorRpc } from '../../services/estimator/rpc.ts'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import type { ProfileStore } from '../../services/profiler/store.ts'
import { exportProfiles } from '../../services/profiler/transfer.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'
import { EstimateQuery } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { recordOf } from '../support/executions.ts'
import { quietHandlers } from '../support/profiler-fixture.ts'
import { lmdbSubject } from '../support/stores.ts'

/**
 * No work holds the event loop, whatever is asked. Measured in CPU time, which others on the machine do not lengthen, and
 * held against the work as a whole.
 */

let store: ProfileStore
let dispose: () => Promise<void>
const keys = Array.from(
  { length: 600 },
  (_, i): ProfileKey => ({ namespace: `ns${i % 10}`, kind: 'task', task: `task-${i}` }),
)
const now = 1_800_000_000_000

beforeAll(async () => {
  const subject = await lmdbSubject({ cachedProfiles: 1 })
  store = await subject.open()
  dispose = async () => {
    await store.close()
    await subject.dispose()
  }
  const profile = exampleProfile(90)
  const changes = keys.map((key) => ({ key, change: () => ({ ...profile, key }) }))
  await store.commit({ changes, checkpoints: new Map() })
})
afterAll(() => dispose())

/** CPU time of the longest turn of the event loop while `work` runs, and of all of it, in milliseconds. */
async function turnsOf(work: () => Promise<unknown>) {
  const used = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let isDone = false
  let longestMs = 0
  let turns = 0
  const beganMs = used()
  let turnBeganMs = beganMs
  const look = () => {
    const nowMs = used()
    longestMs = Math.max(longestMs, nowMs - turnBeganMs)
    turnBeganMs = nowMs
    turns += 1
    if (!isDone) setImmediate(look)
  }
  setImmediate(look)
  await work()
  isDone = true
  look()
  return { longestMs, totalMs: used() - beganMs, turns }
}

async function watch(namespaces?: ReadonlySet<string>): Promise<number> {
  const abort = new AbortController()
  let profiles = 0
  for await (const { type } of store.watch('', abort.signal, namespaces)) {
    if (type === 'caught-up') break
    profiles += 1
  }
  return profiles
}

const fold = (key: ProfileKey, i: number) => ({
  key,
  change: (before: Profile | undefined) =>
    foldAll(before, key, [{ record: recordOf(`late-${i}`) }], now, defaultFoldSettings).profile,
})

/** An estimator each of whose answers costs what learning a task anew does: some milliseconds. */
const slow = {
  stalenessMs: () => 0,
  estimate() {
    const end = process.threadCpuUsage().user + 4000
    while (process.threadCpuUsage().user < end);
    return {} as never
  },
} as unknown as Estimator

const batch = () =>
  new Promise((resolve) => {
    const queries = Array.from({ length: 100 }, (_, i) =>
      EstimateQuery.fromPartial({ task: { namespace: '', task: `t${i}` } }),
    )
    const { estimateBatch } = estimatorRpc(slow, [], quietHandlers)
    estimateBatch({ request: { queries } } as never, resolve)
  })

test.each<readonly [string, () => Promise<unknown>]>([
  ['a watch of everything', () => watch()],
  ['20 watches at once', () => Promise.all(Array.from({ length: 20 }, () => watch(new Set(['ns3']))))],
  [
    'a list of a thousand',
    () => Promise.all([0, 1, 2].map((i) => store.list({ namespace: `ns${i}`, ...page }))),
  ],
  [
    'an export',
    async () => {
      for await (const _ of exportProfiles(store, ['ns4', 'ns5'], 'json-lines'));
    },
  ],
  [
    'one commit of many folds',
    () => store.commit({ changes: keys.slice(0, 400).map(fold), checkpoints: new Map() }),
  ],
  ['a batch of queries of unknown tasks', batch],
])('%s lets the event loop go again and again', { timeout: 60_000 }, async (_, work) => {
  const { longestMs, totalMs, turns } = await turnsOf(work)
  expect(totalMs).toBeGreaterThan(50)
  expect(turns).toBeGreaterThan(totalMs / 40)
  expect(longestMs).toBeLessThan(Math.max(totalMs / 3, 40))
})

const page = { kind: 'task', prefix: '', after: '', limit: 1000 } as const

test('a watch of a namespace without profiles reads none', async () => {
  const { totalMs: everything } = await turnsOf(() => watch())
  const { totalMs } = await turnsOf(() => watch(new Set(['nobody'])))
  expect(totalMs).toBeLessThan(everything / 5)
})
