import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { isServing } from '../../cli/health-check.ts'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import { startProfiler } from '../../services/profiler/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import { unary, wireRecord } from '../support/profiler-service.ts'
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

async function profiler(given: Partial<ProfilerConfig>) {
  const folder = await temporaryDirectory()
  cleanups.push(() => rm(folder, { recursive: true }))
  const tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, tenants)
  const lifecycle = createLifecycle(quietLog)
  const config = configOf({ store: 'memory', tokensFile, drainMs: 100, ...given })
  const server = await startProfiler(config, systemClock, quietLog, lifecycle)
  cleanups.push(() => lifecycle.stop('test'))
  const as = ({ token }: TokenEntry) => {
    const client = secureClient({ target: server.address, token })
    cleanups.push(() => client.close())
    return client
  }
  return { address: server.address, held: () => server.figures().heldBytes, as }
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
