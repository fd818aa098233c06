import { once } from 'node:events'
import { connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Client,
  credentials,
  Metadata,
  makeClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { service as healthService } from 'grpc-health-check'
import { afterEach, expect, test } from 'vitest'
import { call } from '../../../shared/rpc/client.ts'
import { startRpcServer } from '../../../shared/rpc/server.ts'
import { heldBytes } from '../../../shared/runtime/held-bytes.ts'
import {
  GetProfileRequest,
  GetProfileResponse,
  ProfilerServiceClient,
  ProfilerServiceService,
  WatchProfilesRequest,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { quietHandlers, quietLog, rpcFixture } from '../../support/profiler-fixture.ts'

const { unary, serverStream } = quietHandlers

let closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.toReversed()) await close()
  closing = []
})

async function serve(...args: Parameters<typeof rpcFixture>) {
  const fixture = await rpcFixture(...args)
  closing.push(fixture.close)
  return fixture
}

/** Asks standard health over a connection of its own. */
function healthOf(address: string) {
  const Health = makeClientConstructor(healthService, 'grpc.health.v1.Health')
  const client = new Health(address, credentials.createInsecure())
  closing.push(() => client.close())
  return (service: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const check = client['check'] as (
        request: { service: string },
        done: (error: ServiceError | null, response: { status: string }) => void,
      ) => void
      check.call(client, { service }, (error, response) => (error ? reject(error) : resolve(response.status)))
    })
}

const get = (client: ProfilerServiceClient, task = '') =>
  call(client.getProfile.bind(client), GetProfileRequest.fromPartial({ key: { task } }), 20_000)

test('health says SERVING of the service and of the server only between setServing and drain', async () => {
  const { server } = await serve({})
  const health = healthOf(server.address)
  for (const name of ['', 'foresize.v1.ProfilerService']) expect(await health(name)).toBe('SERVING')
  server.setServing(false)
  for (const name of ['', 'foresize.v1.ProfilerService']) expect(await health(name)).toBe('NOT_SERVING')
  await expect(health('no.such.Service')).rejects.toMatchObject({ code: status.NOT_FOUND })
})

test('drain lets a call that is under way finish, and takes no new one', async () => {
  const entered = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const { server, client } = await serve({
    getProfile: unary(async () => {
      entered.resolve()
      await release.promise
      return GetProfileResponse.fromPartial({ profile: { revision: 3 } })
    }),
  })
  const underWay = get(client)
  await entered.promise
  const drained = server.drain(20_000)
  const late = new ProfilerServiceClient(server.address, credentials.createInsecure())
  closing.push(() => late.close())
  await expect(get(late)).rejects.toMatchObject({ code: status.UNAVAILABLE })
  release.resolve()
  expect((await underWay).profile?.revision).toBe(3)
  await drained
})

test('drain cuts at its deadline what does not finish', async () => {
  const { server, client } = await serve({
    watchProfiles: serverStream(async function* (_, { signal }) {
      yield { cursor: '1', change: { $case: 'caughtUp' as const, value: {} } }
      await once(signal, 'abort')
    }),
  })
  const stream = client.watchProfiles(WatchProfilesRequest.fromPartial({}))
  const failed = new Promise<ServiceError>((resolve) =>
    stream.on('error', (error) => resolve(error as ServiceError)),
  )
  await once(stream, 'data')
  await server.drain(100)
  expect((await failed).code).toBe(status.CANCELLED)
})

test('a message over the limit is refused, and the connection lives on', async () => {
  const { client } = await serve(
    { getProfile: unary(() => GetProfileResponse.fromPartial({ profile: { revision: 1 } })) },
    { maxMessageBytes: 10_000 },
  )
  await expect(get(client, 'x'.repeat(20_000))).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  expect((await get(client)).profile?.revision).toBe(1)
})

test('a request that cannot be decoded is bad input', async () => {
  const { server } = await serve({})
  const client = new Client(server.address, credentials.createInsecure())
  closing.push(() => client.close())
  const asItIs = (bytes: Buffer) => bytes
  const path = '/foresize.v1.ProfilerService/DeleteProfile'
  const answer = new Promise((_, reject) =>
    client.makeUnaryRequest(path, asItIs, asItIs, Buffer.from([0x0a, 200]), (error) => reject(error)),
  )
  await expect(answer).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'key: is not well formed',
  })
})

test('a caller that would wait for longer than any timer waits for its answer', async () => {
  const { client } = await serve({
    getProfile: unary(async () => {
      await sleep(100)
      return GetProfileResponse.fromPartial({ profile: { revision: 1 } })
    }),
  })
  for (const days of [30, 60, 400]) {
    const deadline = Date.now() + days * 24 * 3_600_000
    const answer = await new Promise<GetProfileResponse>((resolve, reject) =>
      client.getProfile({ key: undefined }, new Metadata(), { deadline }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      ),
    )
    expect(answer.profile?.revision, `${days} days`).toBe(1)
  }
})

test('an address that cannot be bound is said, not crashed on', async () => {
  const { server } = await serve({})
  const again = startRpcServer({
    listen: server.address,
    serviceName: 'foresize.v1.ProfilerService',
    definition: ProfilerServiceService,
    implementation: {},
    maxMessageBytes: 1000,
    maxConcurrentStreams: 1,
    held: heldBytes({ maxHeldBytes: 2 ** 28, maxHeldShare: 1 }),
    log: quietLog,
  })
  await expect(again).rejects.toMatchObject({ failure: 'unavailable' })
  await expect(again).rejects.toThrow(server.address)
})

test('a client whose stream comes fast is told that it may have more under way, of the stream and of the connection', async () => {
  const { server } = await serve({
    streamUsage: quietHandlers.bidi(async (requests) => void (await requests[Symbol.asyncIterator]().next())),
  })
  const session = connect(`http://${server.address}`)
  closing.push(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': ProfilerServiceService.streamUsage.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.on('error', () => {})
  const message = Buffer.alloc(2 * 1024 * 1024)
  message.writeUInt32BE(message.length - 5 + 1, 1)
  stream.write(message)
  await expect.poll(() => session.remoteSettings.initialWindowSize).toBe(1024 * 1024)
  await expect.poll(() => session.state.remoteWindowSize).toBeGreaterThan(500 * 1024)
})
