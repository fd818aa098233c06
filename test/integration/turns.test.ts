import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { ingestion } from '../../services/profiler/ingestion.ts'
import { formatProfile } from '../../services/profiler/profile-format.ts'
import type { ProfileStore } from '../../services/profiler/store.ts'
import { localStore } from '../../services/profiler/stores/local-store.ts'
import { memoryMedium } from '../../services/profiler/stores/memory.ts'
import { exportProfiles, importProfiles } from '../../services/profiler/transfer.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import { fromExecutionRecord } from '../../shared/wire/execution.ts'
import {
  GetProfileRequest,
  UpdateProfileRequest,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { recordOf, startOf } from '../support/executions.ts'
import { largestProfile } from '../support/largest-profile.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import {
  openStream,
  type TestProfiler,
  testProfiler,
  unary,
  wireRecord,
  wireStart,
} from '../support/profiler-service.ts'
import { redisServer } from '../support/redis.ts'
import type { Replay } from '../support/replaying-worker.ts'
import { empties, request } from '../support/requests.ts'
import { configOf, lmdbSubject, redisSubjectOn } from '../support/stores.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { expectShortTurns, type Preparation, turnsOf, type Work } from '../support/turns.ts'

/**
 * No work holds the event loop of a profiler, whatever is asked. Measured in CPU time, which others on the machine do not lengthen, and
 * held against the work as a whole.
 */

let store: ProfileStore
/** The same profiles in Redis. */
let remote: ProfileStore
let reopen: () => Promise<ProfileStore>
let profiler: TestProfiler
/** With many sessions that are due. */
let crowded: ProfileStore
const cleanups: (() => Promise<unknown>)[] = []
const keys = Array.from(
  { length: 600 },
  (_, i): ProfileKey => ({ namespace: `ns${i % 10}`, kind: 'task', task: `task-${i}` }),
)
const now = 1_800_000_000_000

beforeAll(async () => {
  const subject = await lmdbSubject({ cachedProfiles: 1 })
  reopen = subject.open
  store = await reopen()
  cleanups.push(
    () => subject.dispose(),
    () => store.close(),
  )
  const dataDir = await temporaryDirectory()
  profiler = await testProfiler({ store: 'lmdb', dataDir })
  cleanups.push(
    () => rm(dataDir, { recursive: true }),
    () => profiler.stop(),
  )
  const redis = await redisServer()
  cleanups.push(() => redis.stop())
  remote = await (await redisSubjectOn([redis], { cachedProfiles: 1 })).open()
  cleanups.push(() => remote.close())
  const medium = memoryMedium({ codec: 'none', cachedProfiles: 1 })
  crowded = await localStore({ ...medium, loadSessions: manyDue }, configOf({}), quietLog)
  const profile = exampleProfile(90)
  const changes = keys.map((key) => ({ key, change: () => ({ ...profile, key }) }))
  for (const each of [store, remote]) await each.commit({ changes, checkpoints: new Map() })
})
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

async function* manyDue() {
  for (let i = 0; i < 100_000; i++) {
    const dueUnixMs = (i * 7919) % 100_000
    yield [`${dueUnixMs}`, { version: 1, owner: '', dueUnixMs, parts: new Map() }] as const
  }
}

async function watch(of: ProfileStore, namespaces?: ReadonlySet<string>): Promise<number> {
  const abort = new AbortController()
  let profiles = 0
  for await (const { type } of of.watch('', abort.signal, namespaces)) {
    if (type === 'caught-up') break
    profiles += 1
  }
  return profiles
}

const fold = (key: ProfileKey, executionId: string) => ({
  key,
  change: (before: Profile | undefined) =>
    foldAll(before, key, [{ record: recordOf(executionId) }], now, defaultFoldSettings).profile,
})

const foldMany = (into: ProfileStore, run: string) =>
  into.commit({
    changes: keys.slice(0, 400).map((key, i) => fold(key, `${run} ${i}`)),
    checkpoints: new Map(),
  })

const page = { kind: 'task', prefix: '', after: '', limit: 1000 } as const
const lists = (of: ProfileStore) =>
  Promise.all([0, 1, 2].map((i) => of.list({ namespace: `ns${i}`, ...page })))

const longLabels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`${i}`, 'x'.repeat(250)]))

const names = (of: string, count: number) => Array.from({ length: count }, (_, i) => `${of}${i}`)

const started = (of: string, count: number, labels: Record<string, string> = {}) =>
  names(of, count).map((id) => wireStart(id, { labels, leaseMs: 600_000 }))

/** The worker is a thread of its own: only what the profiler does with its batches is measured. */
async function replay(run: string): Promise<Work> {
  const workerData: Replay = { address: profiler.address, sessionId: run }
  const worker = new Worker(new URL('../support/replaying-worker.ts', import.meta.url), { workerData })
  await once(worker, 'message')
  return async () => {
    worker.postMessage('report')
    await once(worker, 'message')
    await worker.terminate()
  }
}

const wide = {
  features: Object.fromEntries(names('f', 32).map((name, i) => [name, i + 0.5])),
  labels: Object.fromEntries(names('l', 32).map((name) => [name, 'x'.repeat(10)])),
}

/** As many records as a report may hold, of as many features and labels as each may have. */
const report = (run: string): UpdateProfileRequest => ({
  executions: names(run, 1000).map((id, i) =>
    wireRecord(id, { task: { namespace: 'default', task: `wide ${i % 20}` }, ...wide }),
  ),
})

/** A session with as much open as it may. */
async function fill(sessionId: string): Promise<void> {
  const stream = await openStream(profiler.client, sessionId)
  for (let sequence = 1; sequence <= 10; sequence++)
    stream.send({ sequence, starts: started(`${sessionId} ${sequence} `, 100, longLabels) })
  await stream.durable(10)
  await stream.close()
}

async function takeUp(sessionIds: readonly string[]): Promise<void> {
  for (const id of sessionIds) await (await openStream(profiler.client, id)).close()
}

/** Executions that have run for long are shown, and those that were silent for longer closed. */
async function upkeep(run: string): Promise<void> {
  let aheadMs = 0
  const clock = { ...systemClock, nowUnixMs: () => systemClock.nowUnixMs() + aheadMs }
  const intake = ingestion(
    store,
    clock,
    { ...configOf({}), ...defaultFoldSettings },
    quietLog,
    heldBytes(configOf({})),
  )
  const claim = { scope: undefined, namespaces: undefined, authorize: () => undefined }
  await intake.letIn(['default'], claim.scope)
  for (let k = 0; k < 4; k++) {
    const session = await intake.open(`${run}${k}`, claim)
    const starts = names(`${run}${k} `, 1000).map((id) => ({ start: startOf(id), leaseMs: 5000, path: '' }))
    await session.apply({ sequence: 1, starts, samples: [], ends: [] }, clock.nowUnixMs())?.durable
  }
  aheadMs = 2000
  await intake.tick()
  aheadMs = 10_000
  await intake.tick()
  await intake.drain()
}

const largeKey: ProfileKey = { namespace: 'large', kind: 'task', task: 'large' }

const putLarge = (key: ProfileKey) =>
  store.commit({ changes: [{ key, change: () => largestProfile(key) }], checkpoints: new Map() })

async function* piecesOf(file: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < file.length; at += 2 ** 20) yield file.subarray(at, at + 2 ** 20)
}

const works: Readonly<Record<string, Preparation>> = {
  'a watch of everything': () => () => watch(store),
  'a watch of everything in Redis': () => () => watch(remote),
  '20 watches at once': () => () =>
    Promise.all(Array.from({ length: 20 }, () => watch(store, new Set(['ns3'])))),
  '20 watches of nothing at once': () => () =>
    Promise.all(Array.from({ length: 20 }, () => watch(store, new Set(['nobody'])))),
  'lists of hundreds': () => () => lists(store),
  'lists of hundreds in Redis': () => () => lists(remote),
  'an export': () => async () => {
    for await (const _ of exportProfiles(store, ['ns4', 'ns5'], 'json-lines'));
  },
  'one commit of many folds': (run) => () => foldMany(store, run),
  'one commit of many folds into Redis': (run) => () => foldMany(remote, run),
  'a worker that reports again what it has kept': replay,
  'sessions that are taken up with all that may be open': async (run) => {
    const ids = names(run, 2)
    for (const id of ids) await fill(id)
    return () => takeUp(ids)
  },
  'upkeep of thousands of executions': (run) => () => upkeep(run),
  'looking for what is due among a hundred thousand sessions': () => async () => {
    expect(await crowded.dueSessions(now, 3)).toEqual(names('', 3))
  },
  'a report of millions of empty executions': () =>
    empties(profiler.address, 'ProfilerService/UpdateProfile'),
  'a report as large as may be': (run) =>
    request(
      profiler.address,
      'ProfilerService/UpdateProfile',
      UpdateProfileRequest.encode(report(run)).finish(),
      status.OK,
    ),
  'a fold into a profile as large as may be': async (run) => {
    const key = { ...largeKey, task: run }
    await putLarge(key)
    // Others have been read since: it is no longer in memory.
    await store.get(keys[0] as ProfileKey)
    return async () => {
      for (const id of names(run, 3)) await store.commit({ changes: [fold(key, id)], checkpoints: new Map() })
    }
  },
  'a profile as large as may be that is read, listed and exported': async (run) => {
    const namespace = `large ${run}`
    await putLarge({ ...largeKey, namespace })
    return async () => {
      await store.get(keys[0] as ProfileKey)
      await store.list({ namespace, ...page })
      for (const format of ['protobuf', 'json-lines', 'csv-summary'] as const)
        for await (const _ of exportProfiles(store, [namespace], format));
    }
  },
  ...Object.fromEntries(
    (['protobuf', 'json-lines'] as const).map((format) => [
      `a profile as large as may be that is imported: ${format}`,
      async (run: string): Promise<Work> => {
        const file = await formatProfile(largestProfile({ ...largeKey, task: run }), format)
        const options = { format, mode: 'replace', dryRun: false } as const
        const settings = { ...defaultFoldSettings, refuseNew: async () => undefined }
        return async () => {
          for (let i = 0; i < 2; i++) {
            const result = await importProfiles(store, piecesOf(file), options, () => now, settings)
            expect(result).toMatchObject({ rejected: 0 })
          }
        }
      },
    ]),
  ),
  'a profile as large as may be that is asked for': async (run) => {
    const records = largestProfile({ ...largeKey, task: run }).executions.map(fromExecutionRecord)
    for (let at = 0; at < records.length; at += 8)
      await unary(profiler.client, 'updateProfile', { executions: records.slice(at, at + 8) })
    const key = { namespace: largeKey.namespace, kind: 1 as const, task: run }
    const asked = GetProfileRequest.encode(GetProfileRequest.fromPartial({ key })).finish()
    return request(profiler.address, 'ProfilerService/GetProfile', asked, status.OK)
  },
  'opening a store': () => async () => {
    await store.close()
    store = await reopen()
  },
}

test.each(Object.entries(works))('%s holds no turn of the event loop for long', expectShortTurns)

test('a watch of a namespace without profiles reads none', async () => {
  const { totalMs: everything } = await turnsOf(() => watch(store))
  const { totalMs } = await turnsOf(() => watch(store, new Set(['nobody'])))
  expect(totalMs).toBeLessThan(everything / 5)
})
