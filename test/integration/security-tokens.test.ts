import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js'
import { service as healthService } from 'grpc-health-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProfiler } from '../../services/profiler/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle, type Lifecycle } from '../../shared/runtime/lifecycle.ts'
import type { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import {
  countOf,
  eventually,
  openStream,
  unary,
  wireEnd,
  wireRecord,
  wireStart,
} from '../support/profiler-service.ts'
import {
  memoryLog,
  outcomeOf,
  secureClient,
  type TokenEntry,
  writeTokens,
} from '../support/secure-services.ts'
import { configOf } from '../support/stores.ts'

const worker: TokenEntry = {
  token: 'worker-secret-1',
  name: 'ci',
  roles: ['worker'],
  namespaces: ['a', 'default'],
}
const other: TokenEntry = { token: 'worker-secret-2', name: 'other', roles: ['worker'], namespaces: ['b'] }
const operator: TokenEntry = { token: 'operator-secret', name: 'ops', roles: ['operator'], namespaces: ['*'] }
const tenant: TokenEntry = { token: 'tenant-secret', name: 'tenant', roles: ['operator'], namespaces: ['a'] }
const retired: TokenEntry = {
  ...worker,
  token: 'retired-secret',
  name: 'retired',
  expiresAt: '2020-01-01T00:00:00Z',
}
const everywhere: TokenEntry = { ...worker, token: 'worker-secret-3', name: 'everywhere', namespaces: ['*'] }
const entries = [worker, other, operator, tenant, retired, everywhere]

const { log, text } = memoryLog()
const clients: ProfilerServiceClient[] = []
let folder: string
let tokensFile: string
let lifecycle: Lifecycle
let target: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-tokens-'))
  tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, entries)
  lifecycle = createLifecycle(log)
  const config = configOf({ store: 'memory', tokensFile, securityReloadMs: 100, drainMs: 1000 })
  target = (await startProfiler(config, systemClock, log, lifecycle)).address
})

afterAll(async () => {
  for (const client of clients) client.close()
  await lifecycle.stop('test')
  await rm(folder, { recursive: true })
})

function as(entry: { readonly token: string } | undefined): ProfilerServiceClient {
  const client = secureClient({ target, token: entry?.token })
  clients.push(client)
  return client
}

const lostOutcome = 7

const inNamespace = (namespace: string) => ({ task: { namespace, task: 'task' } })
const listing = (namespace: string) => ({
  namespace,
  taskPrefix: '',
  pageSize: 0,
  pageToken: '',
  kind: 0 as const,
})
const report = (client: ProfilerServiceClient, ...namespaces: string[]) =>
  outcomeOf(
    unary(client, 'updateProfile', {
      executions: namespaces.map((namespace, i) => wireRecord(`${i} ${namespace}`, inNamespace(namespace))),
    }),
  )

test.each<readonly [string, { readonly token: string } | undefined, status]>([
  ['no token', undefined, status.UNAUTHENTICATED],
  ['an unknown token', { token: 'guess' }, status.UNAUTHENTICATED],
  ['an expired token', retired, status.UNAUTHENTICATED],
  ['a token of another role', operator, status.PERMISSION_DENIED],
  ['a token of another namespace', other, status.PERMISSION_DENIED],
  ['its own token', worker, status.OK],
])('with %s, reporting ends in the right status', async (_, entry, expected) => {
  expect(await report(as(entry), 'a')).toBe(expected)
})

test('one foreign record refuses the whole call, and nothing of it is kept', async () => {
  expect(await report(as(worker), 'default', 'b')).toBe(status.PERMISSION_DENIED)
  expect(await countOf(as(operator), 'task', 'default')).toBe(0)
})

test('a worker reads nothing, a tenant reads its own namespace, an operator all', async () => {
  expect(await outcomeOf(unary(as(worker), 'listProfiles', listing('a')))).toBe(status.PERMISSION_DENIED)
  expect(await outcomeOf(unary(as(tenant), 'listProfiles', listing('a')))).toBe(status.OK)
  expect(await outcomeOf(unary(as(tenant), 'listProfiles', listing('')))).toBe(status.PERMISSION_DENIED)
  expect(await outcomeOf(unary(as(operator), 'listProfiles', listing('b')))).toBe(status.OK)
})

test('of the namespaces there are, each is told those that its token may read', async () => {
  await report(as(other), 'b')
  await report(as(worker), 'a')
  const listed = async (entry: TokenEntry) => {
    const { namespaces } = await unary(as(entry), 'listNamespaces', { pageSize: 0, pageToken: '' })
    return namespaces.map(({ namespace }) => namespace)
  }
  expect(await listed(tenant)).toEqual(['a'])
  expect(await listed(operator)).toEqual(expect.arrayContaining(['a', 'b']))
  const asWorker = unary(as(worker), 'listNamespaces', { pageSize: 0, pageToken: '' })
  expect(await outcomeOf(asWorker)).toBe(status.PERMISSION_DENIED)
})

test.each([
  ['all namespaces', [] as string[], status.PERMISSION_DENIED],
  ['a foreign namespace', ['a', 'b'], status.PERMISSION_DENIED],
])('a tenant cannot watch or export %s', async (_, namespaces, expected) => {
  const client = as(tenant)
  for (const call of [
    client.watchProfiles({ namespaces, cursor: '' }),
    client.exportProfiles({ namespaces, format: 1 }),
  ]) {
    expect(
      await new Promise((resolve) => call.on('error', (error: ServiceError) => resolve(error.code)).resume()),
    ).toBe(expected)
  }
})

test('on a stream a start in a foreign namespace is refused alone; the stream goes on', async () => {
  const stream = await openStream(as(worker), 'mixed')
  stream.send({
    sequence: 1,
    starts: [wireStart('mine', inNamespace('a')), wireStart('theirs', inNamespace('b'))],
  })
  stream.send({ sequence: 2, ends: [wireEnd('mine')] })
  await stream.durable(2)
  const refused = stream.received.flatMap((message) => (message.$case === 'rejection' ? [message.value] : []))
  expect(refused.map(({ executionId, violations }) => [executionId, violations[0]?.field])).toEqual([
    ['theirs', 'starts[1].task.namespace'],
  ])
  await stream.close()
})

/** Opens the session, and says up to which batch it is stored for whoever asks. */
async function asking(entry: TokenEntry, sessionId: string): Promise<number> {
  const stream = await openStream(as(entry), sessionId)
  await stream.close()
  return stream.opened.durableSequence
}

test.each([
  ['has executions open', { starts: [wireStart('open', inNamespace('a'))] }],
  ['has none open', { starts: [wireStart('brief', inNamespace('a'))], ends: [wireEnd('brief')] }],
  ['has said nothing yet', undefined],
])('a session that %s is left to its holder by a token of another namespace', async (what, batch) => {
  const sessionId = `private ${what}`
  const stream = await openStream(as(worker), sessionId)
  let sequence = 0
  if (batch) {
    sequence += 1
    stream.send({ sequence, ...batch })
    await stream.durable(sequence)
  }
  expect(await asking(other, sessionId)).toBe(0)
  stream.send({ sequence: sequence + 1 })
  await stream.durable(sequence + 1)
  await stream.close()
  expect(await asking(other, sessionId)).toBe(0)
  expect(await asking(worker, sessionId)).toBe(sequence + 1)
})

test("a session id that another tenant took first is its owner's all the same", async () => {
  const [foreign, own] = [await openStream(as(other), 'guessed'), await openStream(as(worker), 'guessed')]
  const entries = [
    { stream: foreign, namespace: 'b', last: 2 },
    { stream: own, namespace: 'a', last: 3 },
  ]
  for (const { stream, namespace, last } of entries) {
    for (let sequence = 1; sequence <= last; sequence++)
      stream.send({ sequence, starts: [wireStart(`guessed ${sequence}`, inNamespace(namespace))] })
    await stream.durable(last)
  }
  await own.close()
  await foreign.close()
  expect(await asking(other, 'guessed')).toBe(2)
  expect(await asking(worker, 'guessed')).toBe(3)
})

test("an execution id that another tenant took first is its owner's all the same", async () => {
  const callers = [
    { entry: other, namespace: 'b' },
    { entry: worker, namespace: 'a' },
  ]
  const end = wireEnd('taken')
  for (const { entry, namespace } of callers)
    await unary(as(entry), 'startProfiling', { start: wireStart('taken', inNamespace(namespace)) })
  for (const { entry } of callers.toReversed())
    expect(await unary(as(entry), 'endProfiling', { end, start: undefined })).toMatchObject({ folded: true })
})

test('what two tenants lost under one id is corrected by each', async () => {
  const callers = [
    { entry: other, namespace: 'b' },
    { entry: worker, namespace: 'a' },
  ]
  const lost = (namespace: string) => ({ task: { namespace, task: 'lost' }, leaseMs: 100 })
  for (const { entry, namespace } of callers)
    await unary(as(entry), 'startProfiling', { start: wireStart('lost', lost(namespace)) })
  const lossOf = async (namespace: string) => {
    const key = { namespace, kind: 1, task: 'lost' } as const
    const answer = await unary(as(operator), 'getProfile', { key }).catch(() => undefined)
    return answer?.profile?.outcomes.find(({ outcome }) => outcome === lostOutcome)?.count ?? 0
  }
  for (const { namespace } of callers) await eventually(async () => (await lossOf(namespace)) === 1)
  for (const { entry } of callers) {
    const told = { end: wireEnd('lost', { outcome: 3 }), start: undefined }
    expect(await unary(as(entry), 'reportEnd', told)).toMatchObject({ folded: true })
  }
  for (const { namespace } of callers) expect(await lossOf(namespace)).toBe(0)
})

test('an end that names its start is for that execution, not for another namespace’s of the same id', async () => {
  const lost = (namespace: string) => ({ task: { namespace, task: 'both' }, leaseMs: 100 })
  const callers = [
    { entry: worker, namespace: 'a' },
    { entry: other, namespace: 'b' },
  ]
  for (const { entry, namespace } of callers)
    await unary(as(entry), 'startProfiling', { start: wireStart('both', lost(namespace)) })
  const countsOf = async (namespace: string) => {
    const key = { namespace, kind: 1, task: 'both' } as const
    const answer = await unary(as(operator), 'getProfile', { key }).catch(() => undefined)
    return (answer?.profile?.outcomes ?? []).map(({ outcome, count }) => [outcome, count])
  }
  for (const { namespace } of callers)
    await eventually(async () => (await countsOf(namespace)).some(([outcome]) => outcome === lostOutcome))
  const told = { end: wireEnd('both', { outcome: 3 }), start: wireStart('both', lost('b')) }
  expect(await unary(as(everywhere), 'reportEnd', told)).toMatchObject({ folded: true })
  expect(await countsOf('a')).toEqual([[lostOutcome, 1]])
  expect(await countsOf('b')).not.toContainEqual([lostOutcome, 1])
})

test('a session of one call is left alone by a stream of another namespace', async () => {
  await unary(as(worker), 'startProfiling', { start: wireStart('called', inNamespace('a')) })
  expect(await asking(other, 'unary:called')).toBe(0)
  const end = { end: wireEnd('called'), start: undefined }
  expect(await outcomeOf(unary(as(other), 'endProfiling', end))).toBe(status.NOT_FOUND)
  expect(await unary(as(worker), 'endProfiling', end)).toMatchObject({ folded: true })
})

test('an execution cannot be ended by a token of another namespace', async () => {
  const start = wireStart('unary', inNamespace('a'))
  await unary(as(worker), 'startProfiling', { start })
  const end = wireEnd('unary')
  expect(await outcomeOf(unary(as(other), 'endProfiling', { end, start: undefined }))).toBe(status.NOT_FOUND)
  expect(await outcomeOf(unary(as(other), 'endProfiling', { end, start }))).toBe(status.PERMISSION_DENIED)
  expect(await outcomeOf(unary(as(worker), 'endProfiling', { end, start: undefined }))).toBe(status.OK)
})

test('an execution is neither ended nor touched from outside by a token of another namespace', async () => {
  const stream = await openStream(as(worker), 'run:watched')
  stream.send({ sequence: 1, starts: [wireStart('watched', inNamespace('a'))] })
  await stream.durable(1)
  const report = (token: TokenEntry, start?: ReturnType<typeof wireStart>) =>
    outcomeOf(unary(as(token), 'reportEnd', { end: wireEnd('watched', { outcome: 3 }), start }))
  expect(await report(other)).toBe(status.NOT_FOUND)
  expect(await report(other, wireStart('watched', inNamespace('a')))).toBe(status.PERMISSION_DENIED)
  // Its stream was not taken from it.
  stream.send({ sequence: 2, samples: [{ executionId: 'watched', elapsedDeltaMs: [10] }] })
  await stream.durable(2)
  expect(await report(worker)).toBe(status.OK)
  stream.call.cancel()
})

test('a token that leaves the file is refused, and its open stream is cut; those that stay go on', async () => {
  const leaving: TokenEntry = {
    token: 'leaving-secret',
    name: 'leaving',
    roles: ['worker'],
    namespaces: ['a'],
  }
  await writeTokens(tokensFile, [...entries, leaving])
  const client = as(leaving)
  while ((await report(client, 'a')) !== status.OK) await new Promise((resolve) => setTimeout(resolve, 20))
  const cut = await openStream(client, 'leaving')
  const kept = await openStream(as(worker), 'staying')
  await writeTokens(tokensFile, entries)
  expect(await cut.ended).toBe(status.UNAUTHENTICATED)
  expect(await report(client, 'a')).toBe(status.UNAUTHENTICATED)
  kept.send({ sequence: 1, starts: [wireStart('kept', inNamespace('a'))] })
  await kept.durable(1)
  await kept.close()
})

test('a tokens file that is broken changes nothing and is reported', async () => {
  await writeTokens(tokensFile, [{ ...worker, roles: [] }])
  while (!text().includes('the new tokens cannot be used'))
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await report(as(worker), 'a')).toBe(status.OK)
  await writeTokens(tokensFile, entries)
})

test('health needs no token', async () => {
  const Health = makeClientConstructor(healthService, 'grpc.health.v1.Health')
  const client = new Health(target, credentials.createInsecure())
  const check = client['check'] as (
    request: { readonly service: string },
    done: (error: ServiceError | null, response?: { readonly status: string }) => void,
  ) => void
  const serving = await new Promise((resolve, reject) =>
    check.call(client, { service: 'liveness' }, (error, response) =>
      error ? reject(error) : resolve(response?.status),
    ),
  )
  expect(serving).toBe('SERVING')
  client.close()
})

test('no token is ever logged, whatever was refused', async () => {
  expect(await report(as({ token: 'never-log-me' }), 'a')).toBe(status.UNAUTHENTICATED)
  expect(text()).toContain('a call was refused')
  for (const { token } of [...entries, { token: 'never-log-me' }]) expect(text()).not.toContain(token)
})
