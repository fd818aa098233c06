import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, afterEach, expect, test } from 'vitest'
import { defaultFoldSettings, foldAll, showRunning } from '../../services/profiler/domain/fold.ts'
import { profileReader } from '../../services/profiler/profile-format.ts'
import type { ProfileStore } from '../../services/profiler/store.ts'
import { exportProfiles, type ImportOptions, importProfiles } from '../../services/profiler/transfer.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import type {
  ImportProfilesRequest,
  ImportProfilesResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { recordOf } from '../support/executions.ts'
import { type TestProfiler, testProfiler, unary, wireRecord } from '../support/profiler-service.ts'
import { stopRedisServers, storeSubjects } from '../support/stores.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

afterAll(stopRedisServers)

async function openStore(name: keyof typeof storeSubjects): Promise<ProfileStore> {
  const subject = await storeSubjects[name]()
  cleanups.push(() => subject.dispose())
  const store = await subject.open()
  cleanups.push(() => store.close())
  return store
}

async function exported(
  store: ProfileStore,
  format: 'protobuf' | 'json-lines' | 'csv-summary',
  namespaces: string[] = [],
) {
  const pieces: Uint8Array[] = []
  for await (const { data } of exportProfiles(store, namespaces, format)) pieces.push(data)
  return Buffer.concat(pieces)
}

async function* inPieces(file: Buffer, pieceBytes: number) {
  for (let at = 0; at < file.length; at += pieceBytes) yield file.subarray(at, at + pieceBytes)
}

const { namespace, task } = exampleProfile(1).key
const exampleKey = { namespace, task }

const settings = { ...defaultFoldSettings, refuseNew: async () => undefined }
const imported = (
  store: ProfileStore,
  file: Buffer,
  options: Partial<ImportOptions> = {},
  pieceBytes = 1000,
) =>
  importProfiles(
    store,
    inPieces(file, pieceBytes),
    { format: 'protobuf', mode: 'replace', dryRun: false, ...options },
    () => 1_900_000_000_000,
    settings,
  )

async function fill(store: ProfileStore): Promise<void> {
  const profiles = ['b', 'a', 'é/💡', 'x'.repeat(256)].map((task, i) =>
    exampleProfile(20 + 40 * i, { namespace: i % 2 ? 'one' : 'two', kind: 'task', task }),
  )
  const running = {
    executionId: 'r',
    attempt: 1,
    features: {},
    labels: {},
    requested: {},
    allocated: {},
    peak: {},
  }
  profiles.push(
    showRunning(
      exampleProfile(3, { namespace: 'one', kind: 'cohort', task: 'tool=x' }),
      [running],
      defaultFoldSettings,
    ),
  )
  await store.commit({
    changes: profiles.map((profile) => ({ key: profile.key, change: () => profile })),
    checkpoints: new Map(),
  })
}

const names = Object.keys(storeSubjects) as (keyof typeof storeSubjects)[]
const pairs = names.flatMap((from) => names.map((to) => [from, to] as const))

test.each(pairs)('what is exported from %s and imported into %s is byte-identical', async (from, to) => {
  const source = await openStore(from)
  await fill(source)
  const file = await exported(source, 'protobuf')
  const target = await openStore(to)
  expect(await imported(target, file)).toMatchObject({ created: 5, changed: 0, unchanged: 0, rejected: 0 })
  expect(await exported(target, 'protobuf')).toEqual(file)
  const lines = await exported(target, 'json-lines')
  const second = await openStore('memory')
  await imported(second, lines, { format: 'json-lines', mode: 'merge' }, 7)
  expect(await exported(second, 'protobuf')).toEqual(file)
})

test('a namespace is exported alone, in order, and says how far it is', async () => {
  const store = await openStore('memory')
  await fill(store)
  let last = 0
  for await (const { profiles } of exportProfiles(store, ['one'], 'json-lines')) last = profiles
  expect(last).toBe(3)
  const lines = (await exported(store, 'json-lines', ['one'])).toString().trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).key.task)).toEqual(['a', 'x'.repeat(256), 'tool=x'])
})

test('importing again changes nothing; a dry run says what would be done and does nothing', async () => {
  const source = await openStore('memory')
  await fill(source)
  const file = await exported(source, 'protobuf')
  const target = await openStore('memory')
  expect(await imported(target, file, { dryRun: true })).toMatchObject({ created: 5 })
  expect(await target.namespaces()).toEqual([])
  await imported(target, file)
  for (const mode of ['merge', 'replace'] as const) {
    expect(await imported(target, file, { mode })).toMatchObject({ created: 0, changed: 0, unchanged: 5 })
  }
})

test('a merge keeps what is there and folds in what it has not folded; replacing puts the new in its place', async () => {
  const target = await openStore('memory')
  const mine = exampleProfile(10)
  await target.commit({ changes: [{ key: mine.key, change: () => mine }], checkpoints: new Map() })
  const source = await openStore('memory')
  const theirs = exampleProfile(15)
  await source.commit({ changes: [{ key: mine.key, change: () => theirs }], checkpoints: new Map() })
  const file = await exported(source, 'protobuf')

  expect(await imported(target, file, { mode: 'merge' })).toMatchObject({ changed: 1 })
  const merged = await target.get(mine.key)
  expect(merged?.revision).toBe(15)
  expect(merged?.folded).toHaveLength(15)
  expect(await imported(target, file, { mode: 'replace' })).toMatchObject({ changed: 1 })
  expect(await exported(target, 'protobuf')).toEqual(file)
})

test('a profile that cannot be read is refused by its place, the others are imported', async () => {
  const source = await openStore('memory')
  await fill(source)
  const lines = (await exported(source, 'json-lines')).toString().trim().split('\n')
  const newer = JSON.stringify({ ...JSON.parse(lines[2] as string), schemaVersion: 99 })
  const negative = (lines[3] as string).replace(/"mean":[\d.e+]+/, '"mean":-1')
  const file = Buffer.from([lines[0], 'no json', newer, negative, lines[4]].join('\n'))
  const result = await imported(await openStore('memory'), file, { format: 'json-lines' })
  expect(result).toMatchObject({ created: 2, rejected: 3 })
  expect(result.rejections.map(({ index }) => index)).toEqual([1, 2, 3])
  expect(result.rejections[1]?.violations[0]?.description).toMatch(/schema version 99/)
})

test.each([
  [
    'members[0].dimensions[0].count',
    { members: [{ task: 'm', dimensions: [{ dimension: 1, count: 'x' }] }] },
  ],
  ['members[0].revision', { members: [{ task: 'm', revision: -0.5 }] }],
  [
    'executions[0].attempt',
    { executions: [{ executionId: 'e', task: exampleKey, attempt: 1.5, outcome: 1 }] },
  ],
  ['schema_version', { schemaVersion: 'none' }],
  ['accuracy[0].strategy', { accuracy: [{ strategy: 'x'.repeat(300), dimension: 1 }] }],
])('a profile whose %s is no such number or name is refused, and puts none aside', async (field, given) => {
  const store = await openStore('memory')
  const mine = exampleProfile(10)
  await store.commit({ changes: [{ key: mine.key, change: () => mine }], checkpoints: new Map() })
  const line = JSON.parse((await exported(store, 'json-lines')).toString())
  const file = Buffer.from(JSON.stringify({ ...line, ...given }))
  const { rejections, ...counts } = await imported(store, file, { format: 'json-lines' })
  expect(counts).toEqual({ created: 0, changed: 0, unchanged: 0, rejected: 1 })
  expect(rejections[0]?.violations.map((violation) => violation.field)).toContain(field)
  expect((await store.get(mine.key))?.revision).toBe(mine.revision)
  expect(store.statistics().quarantined).toBe(0)
})

/** What each fold adds to, as much as may be stored of it. */
const most = 1e15
const sketch = { relativeAccuracy: 0.01, zeroWeight: 0, offset: 0, weights: [] }
const statistics = { dimension: 1, weight: 1, mean: 1, variance: 0, min: 1, max: 1, sketch }
const accuracy = { strategy: 'max-seen', dimension: 1, executions: 1, weight: 1 }

test.each<readonly [field: string, (sum: number) => object]>([
  ['revision', (revision) => ({ revision })],
  ['outcomes[0].count', (count) => ({ outcomes: [{ outcome: 1, count }] })],
  ['statistics[0].weight', (weight) => ({ statistics: [{ ...statistics, weight }] })],
  [
    'statistics[0].sketch',
    (zeroWeight) => ({ statistics: [{ ...statistics, sketch: { ...sketch, zeroWeight } }] }),
  ],
  [
    'statistics[0].sketch',
    (sum) => ({
      statistics: [{ ...statistics, sketch: { ...sketch, weights: [sum / 4, sum / 4, sum / 2] } }],
    }),
  ],
  ['accuracy[0].executions', (executions) => ({ accuracy: [{ ...accuracy, executions }] })],
  ['accuracy[0].weight', (weight) => ({ accuracy: [{ ...accuracy, weight }] })],
  ['accuracy[0].weight_squares', (sum) => ({ accuracy: [{ ...accuracy, weightSquares: sum * 1e9 }] })],
])(
  'a profile with no room left in %s is refused by it; half of it is taken, and added to',
  async (field, given) => {
    const store = await openStore('lmdb')
    const { key } = exampleProfile(10)
    await store.commit({ changes: [{ key, change: () => exampleProfile(10) }], checkpoints: new Map() })
    const line = JSON.parse((await exported(store, 'json-lines')).toString())
    const file = (sum: number) => Buffer.from(JSON.stringify({ ...line, ...given(sum) }))
    const full = await imported(store, file(most), { format: 'json-lines' })
    expect(full.rejections[0]?.violations.map((violation) => violation.field)).toEqual([field])

    expect(await imported(store, file(most / 2), { format: 'json-lines' })).toMatchObject({ changed: 1 })
    const change = (before: Profile | undefined) =>
      foldAll(before, key, [{ record: recordOf('one-more') }], 1_900_000_000_000, defaultFoldSettings).profile
    await store.commit({ changes: [{ key, change }], checkpoints: new Map() })
    expect((await exported(store, 'json-lines')).toString()).toContain('one-more')
    expect(store.statistics().quarantined).toBe(0)
  },
)

test('a torn file, or one that is none, is an error that says how far it was read', async () => {
  const source = await openStore('memory')
  await fill(source)
  const file = await exported(source, 'protobuf')
  await expect(imported(await openStore('memory'), file.subarray(0, -1))).rejects.toThrow(
    /4 were read before it/,
  )
  await expect(imported(await openStore('memory'), Buffer.alloc(100, 0xff))).rejects.toThrow(
    /claims \d+ bytes/,
  )
})

test('a file that never ends a line is refused before it fills the memory', () => {
  const reader = profileReader('json-lines')
  const piece = Buffer.alloc(1024 * 1024, 0x20)
  expect(() => {
    for (let i = 0; i < 32; i++)
      for (const _ of reader.push(piece)) throw new Error('there is no profile in it')
  }).toThrow(/longer than/)
})

test('a summary has one line a profile, and no name becomes a formula or breaks the table', async () => {
  const store = await openStore('memory')
  const keys = ['=1+1', 'a,"b"'].map((task) => ({ namespace: 'n', kind: 'task' as const, task }))
  const changes = keys.map((key) => ({ key, change: () => exampleProfile(10, key) }))
  await store.commit({ changes, checkpoints: new Map() })
  const [head, first, second] = (await exported(store, 'csv-summary')).toString().split('\n')
  expect(head).toMatch(/^namespace,kind,task,revision,.*,memory_bytes_p95/)
  expect(first).toMatch(/^n,task,'=1\+1,10,2027-/)
  expect(second).toMatch(/^n,task,"a,""b""",10,/)
  expect(second?.replace('"a,""b"""', '').split(',')).toHaveLength(head?.split(',').length as number)
})

async function service(): Promise<TestProfiler> {
  const started = await testProfiler({ store: 'memory', maxTasksPerNamespace: 2 })
  cleanups.push(() => started.stop())
  return started
}

function importOver(
  { client }: TestProfiler,
  messages: ImportProfilesRequest['message'][],
): Promise<ImportProfilesResponse> {
  return new Promise((resolve, reject) => {
    const call = client.importProfiles((error: ServiceError | null, response) =>
      error ? reject(error) : resolve(response),
    )
    for (const message of messages) call.write({ message })
    call.end()
  })
}

test('over gRPC: exported from one service, imported into another, within the limits of a namespace', async () => {
  const [from, to] = [await service(), await service()]
  await unary(from.client, 'updateProfile', {
    executions: ['a', 'b'].map((task) => wireRecord(task, { task: { task } })),
  })
  const chunks: Buffer[] = []
  for await (const { data } of from.client.exportProfiles({ namespaces: ['default'], format: 1 }))
    chunks.push(data)
  const header = { $case: 'header', value: { format: 1, mode: 1, dryRun: false } } as const
  const data = { $case: 'data', value: Buffer.concat(chunks) } as const
  const result = await importOver(to, [header, data])
  expect(result.rejected).toBe(0)
  expect(result.created).toBeGreaterThanOrEqual(2)

  const store = await openStore('memory')
  const extra = ['c', 'd'].map((task) => ({ namespace: 'default', kind: 'task' as const, task }))
  await store.commit({
    changes: extra.map((key) => ({ key, change: () => exampleProfile(1, key) })),
    checkpoints: new Map(),
  })
  const more = { $case: 'data', value: await exported(store, 'protobuf') } as const
  expect(await importOver(to, [header, more])).toMatchObject({ created: 0, rejected: 2 })
})

test.each<[string, ImportProfilesRequest['message'][]]>([
  ['data before the header', [{ $case: 'data', value: Buffer.alloc(1) }]],
  [
    'a header twice',
    [1, 2].map(() => ({ $case: 'header', value: { format: 1, mode: 1, dryRun: false } }) as const),
  ],
  ['a format that cannot be imported', [{ $case: 'header', value: { format: 3, mode: 1, dryRun: false } }]],
  ['no mode', [{ $case: 'header', value: { format: 1, mode: 0, dryRun: false } }]],
])('over gRPC: %s is INVALID_ARGUMENT', async (_, messages) => {
  await expect(importOver(await service(), messages)).rejects.toThrow(
    expect.objectContaining({ code: status.INVALID_ARGUMENT }),
  )
})
