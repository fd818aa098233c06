import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { isServing } from '../../cli/health-check.ts'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import { formatProfile } from '../../services/profiler/profile-format.ts'
import { startProfiler } from '../../services/profiler/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import {
  type ImportProfilesResponse,
  ListProfilesRequest,
  type ProfilerServiceClient,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import { eventually, openStream, unary, wireRecord, wireStart } from '../support/profiler-service.ts'
import { outcomeOf, secureClient, type TokenEntry, writeTokens } from '../support/secure-services.ts'
import { configOf } from '../support/stores.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** What a process holds for others adds up to one budget, of which nobody has all. */

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const tenants = ['evil', 'good'].map(
  (name): TokenEntry => ({
    name,
    token: `${name}-secret`,
    roles: ['worker', 'operator'],
    namespaces: [name],
  }),
)
const [evil, good] = tenants as [TokenEntry, TokenEntry]
const all: TokenEntry = { ...evil, name: 'all', token: 'all-secret', namespaces: ['*'] }
const few: TokenEntry = {
  ...evil,
  name: 'few',
  token: 'few-secret',
  namespaces: ['few1', 'few2', 'few3', 'few4'],
}

async function profiler(given: Partial<ProfilerConfig>) {
  const folder = await temporaryDirectory()
  cleanups.push(() => rm(folder, { recursive: true }))
  const tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, [...tenants, all, few])
  const lifecycle = createLifecycle(quietLog)
  const config = configOf({ store: 'memory', tokensFile, drainMs: 100, ...given })
  const server = await startProfiler(config, systemClock, quietLog, lifecycle)
  cleanups.push(() => lifecycle.stop('test'))
  const as = ({ token }: TokenEntry) => {
    const client = secureClient({ target: server.address, token })
    cleanups.push(() => client.close())
    return client
  }
  return {
    address: server.address,
    held: () => server.figures().heldBytes,
    as,
    stop: () => lifecycle.stop('test'),
  }
}

async function rawConnection(address: string, from = '127.0.0.1'): Promise<ClientHttp2Session> {
  const [host = '', port] = address.split(':')
  const session = connect(`http://${address}`, {
    createConnection: () => connectTcp({ host, port: Number(port), localAddress: from }),
  })
  session.on('error', () => undefined)
  cleanups.push(() => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

const messageBytes = 1_000_000

/** A call that announces a message and sends all but its end. Resolves to the status that it is refused with, if it is. */
async function unfinished(session: ClientHttp2Session, path: string, token = '') {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  })
  stream.on('error', () => undefined)
  const refusal = { code: undefined as number | undefined, message: '' }
  stream.on('response', (headers) => {
    refusal.code = Number(headers['grpc-status'])
    refusal.message = decodeURI(String(headers['grpc-message']))
  })
  stream.resume()
  const head = Buffer.alloc(5)
  head.writeUInt32BE(messageBytes, 1)
  stream.write(head)
  // A server that has refused reads no more.
  await new Promise<void>((resolve) => {
    stream.write(Buffer.alloc(messageBytes - 10), () => resolve())
    stream.once('response', () => resolve())
  })
  return refusal
}

const update = '/foresize.v1.ProfilerService/UpdateProfile'

test.each([
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
])('%s takes small messages only', async (path) => {
  const { address, held } = await profiler({})
  const session = await rawConnection(address)
  const refusals = []
  for (let i = 0; i < 20; i++) refusals.push(await unfinished(session, path, evil.token))
  expect(refusals.every(({ code }) => code === status.RESOURCE_EXHAUSTED)).toBe(true)
  expect(held()).toBeLessThan(2 ** 20)
  expect(await isServing(address, 5000)).toBe(true)
})

test('unfinished messages add up: one peer has its share, and the others are served', async () => {
  const { address, held, as } = await profiler({ maxHeldBytes: 8_000_000, maxHeldShare: 0.5 })
  const session = await rawConnection(address, '127.0.0.2')
  const refusals = []
  for (let i = 0; i < 20; i++) refusals.push(await unfinished(session, update, evil.token))
  const refused = refusals.filter(({ code }) => code === status.RESOURCE_EXHAUSTED)
  expect(refused.length).toBeGreaterThanOrEqual(16)
  expect(refused[0]?.message).toContain('max_held_share of max_held_bytes')
  expect(held()).toBeLessThan(4_500_000)
  const records = [wireRecord('e', { task: { namespace: 'good', task: 't' } })]
  expect(await outcomeOf(unary(as(good), 'updateProfile', { executions: records }))).toBe(status.OK)
  session.destroy()
  while (held() > 100_000) await new Promise((resolve) => setTimeout(resolve, 10))
})

test('a tenant has its share from however many addresses', async () => {
  const { address, held } = await profiler({ maxHeldBytes: 8_000_000, maxHeldShare: 0.5 })
  const refusals = []
  for (let i = 0; i < 20; i++) {
    const session = await rawConnection(address, `127.0.0.${2 + i}`)
    refusals.push(await unfinished(session, update, evil.token))
  }
  const refused = refusals.filter(({ code }) => code === status.RESOURCE_EXHAUSTED)
  expect(refused.length).toBeGreaterThanOrEqual(16)
  expect(refused[0]?.message).toContain('tenant evil')
  const other = await unfinished(await rawConnection(address, '127.0.0.99'), update, good.token)
  expect(other.code).toBeUndefined()
  expect(held()).toBeLessThan(6_000_000)
})

test('one tenant has its share of the watchers', async () => {
  const { as } = await profiler({ maxWatchers: 4, maxHeldShare: 0.5 })
  const watch = (entry: TokenEntry) =>
    new Promise<number>((resolve) => {
      const stream = as(entry).watchProfiles({ namespaces: [entry.name], cursor: '' })
      stream.on('data', () => resolve(status.OK)).on('error', ({ code }: ServiceError) => resolve(code))
    })
  for (const expected of [status.OK, status.OK, status.RESOURCE_EXHAUSTED]) {
    expect(await watch(evil)).toBe(expected)
  }
  expect(await watch(good)).toBe(status.OK)
})

const starts = (namespace: string, from: number, count: number) =>
  Array.from({ length: count }, (_, i) =>
    wireStart(`${namespace} ${from + i}`, { task: { namespace, task: 't' } }),
  )

/** Opens a session, starts executions in it, and goes away. Resolves to how many were refused. */
async function park(client: ProfilerServiceClient, sessionId: string, begun: ReturnType<typeof starts>) {
  const stream = await openStream(client, sessionId)
  stream.send({ sequence: 1, starts: begun })
  await stream.durable(1)
  await stream.close()
  return stream.received.filter(({ $case }) => $case === 'rejection').length
}

test('executions of clients that are away count as before, one batch and many sessions alike, also after a restart', async () => {
  const dataDir = await temporaryDirectory()
  cleanups.push(() => rm(dataDir, { recursive: true }))
  const given = { store: 'lmdb', dataDir, maxOpenExecutionsPerNamespace: 10 } as const
  const { as, stop } = await profiler(given)
  expect(await park(as(evil), 'one', starts('evil', 0, 6))).toBe(0)
  expect(await park(as(evil), 'two', starts('evil', 6, 6))).toBe(2)
  const [call] = starts('evil', 20, 1)
  expect(await outcomeOf(unary(as(evil), 'startProfiling', { start: call }))).toBe(status.RESOURCE_EXHAUSTED)
  expect(await park(as(good), 'three', starts('good', 0, 6))).toBe(0)
  await stop()
  const again = await profiler(given)
  expect(await park(again.as(evil), 'four', starts('evil', 30, 6))).toBe(6)
  expect(await park(again.as(good), 'five', starts('good', 6, 4))).toBe(0)
})

test('one tenant has its share of the sessions and of the bytes of open executions', async () => {
  const { as } = await profiler({ maxSessions: 4, maxHeldShare: 0.5, maxHeldBytes: 2 ** 20 })
  const opening = (entry: TokenEntry, id: string) => outcomeOf(openStream(as(entry), id))
  const ids = ['a', 'b', 'c']
  const outcomes = await Promise.allSettled(ids.map((id) => openStream(as(evil), id)))
  expect(outcomes.filter((each) => each.status === 'fulfilled').length).toBeLessThan(3)
  expect(await opening(good, 'mine')).toBe(status.OK)
  const label = 'x'.repeat(250)
  const fat = Array.from({ length: 45 }, (_, i) =>
    wireStart(`fat ${i}`, {
      task: { namespace: 'good', task: 't' },
      labels: Object.fromEntries(Array.from({ length: 32 }, (_, k) => [`${k}`, label])),
    }),
  )
  expect(await park(as(good), 'mine', fat)).toBeGreaterThan(10)
})

/** Reports one execution of each of so many tasks. Resolves to how many profiles the namespace has of tasks then. */
async function report(client: ProfilerServiceClient, namespace: string, tasks: number) {
  const executions = Array.from({ length: tasks }, (_, i) =>
    wireRecord(`${namespace} ${tasks} ${i}`, { task: { namespace, task: `t${i}` } }),
  )
  const { folded } = await unary(client, 'updateProfile', { executions })
  expect(folded).toBe(tasks)
  const request = ListProfilesRequest.fromPartial({ namespace, pageSize: 1000 })
  const { profiles } = await unary(client, 'listProfiles', request)
  return profiles.length
}

test('what one tenant has lost is kept for a late end within its share of the sessions', async () => {
  const { as } = await profiler({ maxSessions: 8, maxHeldShare: 0.5 })
  const brief = starts('evil', 0, 12).map((start) => ({ ...start, leaseMs: 100 }))
  await park(as(evil), 'one', brief)
  const client = as(all)
  const lost = async () => {
    const request = ListProfilesRequest.fromPartial({ namespace: 'evil', pageSize: 1000 })
    const { profiles } = await unary(client, 'listProfiles', request)
    return profiles.flatMap(({ outcomes }) => outcomes).reduce((sum, { count }) => sum + count, 0)
  }
  await eventually(async () => (await lost()) === 12)
  const opened = await Promise.all(['a', 'b', 'c'].map((id) => outcomeOf(openStream(as(good), id))))
  expect(opened).toEqual([status.OK, status.OK, status.OK])
})

test('one tenant has its share of the profiles, whatever it reports: the rest goes to its namespace', async () => {
  const { as } = await profiler({ maxProfiles: 20, maxHeldShare: 0.5, cohortLabels: [] })
  expect(await report(as(evil), 'evil', 30)).toBe(10)
  expect(await report(as(evil), 'evil', 40)).toBe(10)
  expect(await report(as(good), 'good', 5)).toBe(5)
})

test('no more profiles are kept than may be, by whoever, also where they are imported', async () => {
  const { as } = await profiler({ maxProfiles: 8, maxHeldShare: 1, cohortLabels: [], tokensFile: undefined })
  expect(await report(as(evil), 'a', 5)).toBe(5)
  // Beside those of tasks that of the namespace.
  expect(await report(as(evil), 'b', 5)).toBe(2)
  const exported = { ...exampleProfile(1), key: { namespace: 'c', kind: 'task', task: 'new' } as const }
  const line = await formatProfile({ ...exported, executions: [] }, 'json-lines')
  const answer = await importing(as(evil), line)
  expect(answer).toMatchObject({ created: 0, rejected: 1 })
  expect(answer.rejections[0]?.violations[0]?.description).toContain('max_profiles')
})

const importing = (client: ProfilerServiceClient, line: Uint8Array) =>
  new Promise<ImportProfilesResponse>((resolve, reject) => {
    const call = client.importProfiles((error, answer) => (error ? reject(error) : resolve(answer)))
    call.write({ message: { $case: 'header', value: { format: 2, mode: 1, dryRun: false } } })
    call.write({ message: { $case: 'data', value: Buffer.from(line) } })
    call.end()
  })

test('who may use all namespaces leaves room for those who may use a few, and they for one another', async () => {
  const { as } = await profiler({ maxNamespaces: 6, maxHeldShare: 0.5 })
  const into = async (entry: TokenEntry, ...namespaces: string[]) => {
    const executions = namespaces.map((namespace) =>
      wireRecord(`${entry.name} ${namespace}`, { task: { namespace, task: 't' } }),
    )
    const { rejections } = await unary(as(entry), 'updateProfile', { executions })
    return rejections.map(({ violations }) => violations[0]?.description)
  }
  const refused = expect.stringContaining('its share of max_namespaces')
  expect(await into(all, 'a', 'b', 'c', 'd')).toEqual([refused])
  expect(await into(few, 'few1', 'few2')).toEqual([])
  expect(await into(good, 'good')).toEqual([])
  expect(await into(few, 'few1', 'few3')).toEqual([expect.stringContaining('max_namespaces')])
})

test('what a watcher holds counts', async () => {
  const { as, held } = await profiler({ maxHeldBytes: 2 ** 20, maxHeldShare: 0.6 })
  const before = held()
  const watching = (entry: TokenEntry) =>
    new Promise<{ code: number; details: string }>((resolve) => {
      const stream = as(entry).watchProfiles({ namespaces: [entry.name], cursor: '' })
      stream.on('data', () => resolve({ code: status.OK, details: '' })).on('error', resolve)
    })
  expect((await watching(evil)).code).toBe(status.OK)
  expect(held() - before).toBeGreaterThan(200_000)
  expect((await watching(evil)).code).toBe(status.OK)
  const refused = await watching(evil)
  expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  expect(refused.details).toContain('max_held_share of max_held_bytes')
  expect((await watching(good)).code).toBe(status.OK)
})

test('a call that is refused leaves nothing behind', async () => {
  const { as } = await profiler({ maxSessions: 4, maxHeldShare: 0.5, maxOpenExecutionsPerNamespace: 1 })
  const begin = (i: number) => unary(as(evil), 'startProfiling', { start: starts('evil', i, 1)[0] })
  await begin(0)
  for (const i of [1, 2, 3, 4]) {
    await expect(begin(i)).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('max_open_executions_per_namespace'),
    })
  }
})

test.each([
  ['in all', { maxSessions: 5, maxHeldShare: 1, tokensFile: undefined }],
  ['of one tenant', { maxSessions: 10, maxHeldShare: 0.5 }],
])('however many open one at once, there are no more sessions than may be %s', async (_, given) => {
  const { as } = await profiler(given)
  const client = as(evil)
  const opened = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => openStream(client, `session ${i}`)),
  )
  const refused = opened.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []))
  expect(refused).toHaveLength(35)
  expect(new Set(refused)).toEqual(new Set([`Error: the stream ended with ${status.RESOURCE_EXHAUSTED}`]))
})

test('however many ask at once, there are no more namespaces than may be', async () => {
  const { as } = await profiler({ maxNamespaces: 5, tokensFile: undefined })
  const ask = async (call: number) => {
    const executions = Array.from({ length: 20 }, (_, i) =>
      wireRecord(`${call}-${i}`, { task: { namespace: `n${call}-${i}`, task: 't' } }),
    )
    const answer = await unary(as(evil), 'updateProfile', { executions }).catch(() => ({ folded: 0 }))
    return answer.folded
  }
  const folded: number[] = []
  for (let round = 0; round < 4; round++) {
    folded.push(...(await Promise.all([0, 1, 2, 3].map((call) => ask(round * 4 + call)))))
    await new Promise((resolve) => setTimeout(resolve, 600))
  }
  expect(folded.reduce((sum, count) => sum + count, 0)).toBe(5)
})
