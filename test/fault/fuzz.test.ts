import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { isServing } from '../../cli/health-check.ts'
import { freePort } from '../../cli/pair.ts'
import {
  StreamUsageRequest,
  UpdateProfileRequest,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { profilerProcess } from '../support/profiler-process.ts'
import { wireEnd, wireRecord, wireStart } from '../support/profiler-service.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

/** How long each service is fuzzed: `make fault` says 600. */
const fuzzMs = 1000 * Number(process.env['FORESIZE_TEST_FUZZ_SECONDS'] ?? 5)

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const service = (name: string) => `/foresize.v1.${name}Service/`
const paths = [
  ...['StreamUsage', 'StartProfiling', 'EndProfiling', 'UpdateProfile', 'GetProfile', 'ListProfiles'].map(
    (method) => `${service('Profiler')}${method}`,
  ),
  ...['DeleteProfile', 'WatchProfiles', 'ExportProfiles', 'ImportProfiles'].map(
    (method) => `${service('Profiler')}${method}`,
  ),
  ...['Estimate', 'EstimateBatch', 'Confidence', 'GetAccuracy'].map(
    (method) => `${service('Estimator')}${method}`,
  ),
  ...['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch', '/grpc.health.v1.Health/List'],
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  ...['/', '/none/None', `${service('Profiler')}None`],
]

const messages = [
  UpdateProfileRequest.encode({ executions: [wireRecord('e', { labels: { a: 'b' } })] }).finish(),
  StreamUsageRequest.encode({ message: { $case: 'open', value: { sessionId: 's', client: 'c' } } }).finish(),
  StreamUsageRequest.encode({
    message: {
      $case: 'batch',
      value: { sequence: 1, starts: [wireStart('x')], samples: [], ends: [wireEnd('x')] },
    },
  }).finish(),
].map((bytes) => Buffer.from(bytes))

/** One field again and again, empty: what is small as bytes and large as objects. */
const empties = fc
  .tuple(fc.integer({ min: 1, max: 15 }), fc.nat(100_000))
  .map(([number, count]) => Buffer.alloc(2 * count, Buffer.from([(number << 3) | 2, 0])))

/** Bytes that may be a message, all but be one, or be none. */
const payload = fc.oneof(
  empties,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(...messages),
  fc
    .tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }))
    .map(([message, flips]) => {
      const bytes = Buffer.from(message)
      for (const [at, value] of flips) bytes[at % bytes.length] = value
      return bytes
    }),
)

/** A frame as gRPC has it: whether it says it is compressed, what length it claims, what follows. */
const frame = fc
  .record({
    flag: fc.constantFrom(0, 0, 0, 1, 2, 255),
    isGzip: fc.boolean(),
    claims: fc.option(fc.constantFrom(0, 1, 5, 1000, 4_194_304, 4_194_305, 2 ** 32 - 1), { freq: 3 }),
    payload,
  })
  .map(({ flag, isGzip, claims, payload: plain }) => {
    const bytes = flag === 1 && isGzip ? gzipSync(plain) : plain
    const head = Buffer.alloc(5)
    head.writeUInt8(flag, 0)
    head.writeUInt32BE(claims ?? bytes.length, 1)
    return Buffer.concat([head, bytes])
  })

const call = fc.record({
  path: fc.constantFrom(...paths),
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT'),
  contentType: fc.constantFrom(
    'application/grpc',
    'application/grpc',
    'application/grpc+json',
    'text/plain',
    '',
  ),
  encoding: fc.constantFrom('identity', 'gzip', 'deflate', 'nonsense'),
  timeout: fc.constantFrom(undefined, '1n', '50m', '99999999H', '-1S', 'x'),
  header: fc.oneof(fc.constant(''), fc.string({ maxLength: 100 }), fc.constant('x'.repeat(8000))),
  frames: fc.array(frame, { maxLength: 4 }),
  end: fc.constantFrom('end', 'reset', 'leave'),
})

type Call = typeof call extends fc.Arbitrary<infer T> ? T : never

async function session(address: string): Promise<ClientHttp2Session> {
  const opened = connect(`http://${address}`)
  opened.on('error', () => undefined)
  await once(opened, 'connect')
  return opened
}

function make(
  to: ClientHttp2Session,
  { path, method, contentType, encoding, timeout, header, frames, end }: Call,
) {
  const stream = to.request({
    ':method': method,
    ':path': path,
    'content-type': contentType,
    'grpc-encoding': encoding,
    ...(timeout === undefined ? {} : { 'grpc-timeout': timeout }),
    'x-fuzz-bin': Buffer.from(header)
      .toString('base64')
      .replace(/[^\x20-\x7e]/g, ''),
    te: 'trailers',
  })
  stream.on('error', () => undefined)
  stream.resume()
  for (const bytes of frames) stream.write(bytes)
  if (end === 'end') stream.end()
  if (end === 'reset') stream.close(constants.NGHTTP2_CANCEL)
}

const rssMiB = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** Sends whatever comes to mind for so long. Resolves to the calls made. */
async function fuzz(address: string, hasEnded: () => boolean): Promise<number> {
  const untilMs = performance.now() + fuzzMs
  let calls = 0
  while (performance.now() < untilMs && !hasEnded()) {
    const to = await session(address)
    for (const each of fc.sample(call, 40)) {
      if (to.destroyed) break
      make(to, each)
      calls += 1
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    to.destroy()
  }
  return calls
}

/** More than a service needs, less than what is held for others could come to. */
const mostGrownMiB = 400

test('a profiler outlives whatever is sent to it, and does not grow by it', {
  timeout: fuzzMs + 60_000,
}, async () => {
  const profiler = await profilerProcess(['--store', 'memory'])
  await profiler.start()
  cleanups.push(() => profiler.kill())
  const pid = profiler.child().pid ?? 0
  const before = rssMiB(pid)
  const calls = await fuzz(profiler.address, () => profiler.child().exitCode !== null)
  expect(calls).toBeGreaterThan(100)
  expect(await isServing(profiler.address, 10_000)).toBe(true)
  expect(rssMiB(pid) - before).toBeLessThan(mostGrownMiB)
  expect(profiler.log()).not.toContain('unhandled error')
})

test('an estimator outlives whatever is sent to it, and does not grow by it', {
  timeout: fuzzMs + 60_000,
}, async () => {
  const [address, health] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const flags = [
    '--listen',
    address,
    '--metrics-listen',
    '',
    '--profiler',
    '127.0.0.1:1',
    '--log-level',
    'fatal',
  ]
  const estimator: ServiceProcess = await startServiceProcess('estimator', health, flags)
  cleanups.push(() => estimator.stop())
  const pid = estimator.child.pid ?? 0
  const before = rssMiB(pid)
  const calls = await fuzz(address, () => estimator.child.exitCode !== null)
  expect(calls).toBeGreaterThan(100)
  expect(await isServing(health, 10_000)).toBe(true)
  expect(rssMiB(pid) - before).toBeLessThan(mostGrownMiB)
  expect(estimator.log()).toBe('')
})
