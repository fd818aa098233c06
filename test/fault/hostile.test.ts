import { readFileSync } from 'node:fs'
import { connect, constants } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { credentials } from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  ProfilerServiceClient,
  UpdateProfileRequest,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type ProfilerProcess, profilerProcess } from '../support/profiler-process.ts'
import {
  countOf,
  eventually,
  openStream,
  unary,
  wireEnd,
  wireRecord,
  wireStart,
} from '../support/profiler-service.ts'

/** What a hostile client may cost the process, whatever it sends. */
const maxGrowthBytes = 400 * 1024 * 1024

let profiler: ProfilerProcess
let client: ProfilerServiceClient
const others: ProfilerServiceClient[] = []

beforeEach(async () => {
  profiler = await profilerProcess(['--store', 'memory'])
  await profiler.start()
  client = connectTo()
})
afterEach(async () => {
  for (const other of others.splice(0)) other.close()
  await profiler.kill()
})

/** A connection of its own: grpc-js shares one between clients of the same address. */
function connectTo(): ProfilerServiceClient {
  const made = new ProfilerServiceClient(profiler.address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  })
  others.push(made)
  return made
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${profiler.child().pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** The largest resident set while something goes on. */
async function peakDuring(action: () => Promise<unknown>): Promise<number> {
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes())
  }, 10)
  try {
    await action()
  } finally {
    clearInterval(timer)
  }
  return Math.max(peak, residentBytes())
}

let calls = 0

/** Median time of a well-behaved caller's update, milliseconds. */
async function latencyMs(rounds = 60): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    calls += 1
    const startMs = performance.now()
    await unary(client, 'updateProfile', {
      executions: [wireRecord(`calm-${calls}`, { task: { task: 'calm' } })],
    })
    times.push(performance.now() - startMs)
    await sleep(2)
  }
  return times.toSorted((a, b) => a - b)[rounds >> 1] as number
}

/** Hostility goes on meanwhile: memory stays bounded, the process lives, the calm caller loses nothing. */
async function expectBounded(
  name: string,
  hostility: (until: AbortSignal) => Promise<unknown>,
): Promise<void> {
  await latencyMs()
  const before = { latencyMs: await latencyMs(), bytes: residentBytes() }
  const over = new AbortController()
  const going = hostility(over.signal)
  let during = 0
  const peak = await peakDuring(async () => {
    await sleep(300)
    during = await latencyMs()
    over.abort()
    await going
  })
  process.stdout.write(
    `${name}: a calm caller waits ${(during / before.latencyMs).toFixed(1)} × as long, memory grows by ${((peak - before.bytes) / 1e6).toFixed(0)} MB\n`,
  )
  expect(peak - before.bytes).toBeLessThan(maxGrowthBytes)
  expect(profiler.child().exitCode).toBeNull()
  expect(await countOf(client, 'calm')).toBe(calls)
}

beforeEach(() => {
  calls = 0
})

const column = (length: number, value: number) => new Array<number>(length).fill(value)

const samplesOf = (executionId: string, count: number) => ({
  executionId,
  elapsedDeltaMs: column(count, 1),
  cpuCores: column(count, 1),
  memoryBytes: column(count, 1e9),
})

/** Writes as fast as the connection takes it, and never reads what comes back. */
async function flood(
  stream: Awaited<ReturnType<typeof openStream>>,
  until: AbortSignal,
  executions: number,
  samples: number,
) {
  stream.call.pause()
  const ids = Array.from({ length: executions }, (_, i) => `flood-${i}`)
  stream.send({ sequence: 1, starts: ids.map((id) => wireStart(id, { task: { task: 'flood' } })) })
  for (let sequence = 2; !until.aborted; sequence++) {
    const batch = { sequence, samples: ids.map((id) => samplesOf(id, samples)) }
    stream.send(batch)
    if (stream.call.writableLength > 0) await sleep(1)
    while (stream.call.writableLength > 16 && !until.aborted) await sleep(5)
  }
  stream.call.cancel()
}

test('a reader that never reads', { timeout: 60_000 }, async () => {
  await expectBounded('slow reader', async (until) => {
    const watches = Array.from({ length: 20 }, () =>
      connectTo().watchProfiles({ namespaces: [], cursor: '' }),
    )
    for (const watch of watches) {
      watch.on('error', () => undefined)
      watch.pause()
    }
    // Each of the calm caller's updates is a change for every one of them.
    while (!until.aborted) await sleep(10)
    for (const watch of watches) watch.cancel()
  })
})

test('eight streams that write without end and never read', { timeout: 60_000 }, async () => {
  await expectBounded('flood', async (until) => {
    const streams = await Promise.all(
      Array.from({ length: 8 }, (_, i) => openStream(connectTo(), `flood-${i}`)),
    )
    await Promise.all(streams.map((stream) => flood(stream, until, 1, 100)))
  })
})

test('messages of a megabyte', { timeout: 60_000 }, async () => {
  await expectBounded('1 MB messages', async (until) =>
    flood(await openStream(connectTo(), 'big'), until, 5, 10_000),
  )
})

test('a message over the limit ends its own stream and no other', async () => {
  const [calm, huge] = [await openStream(client, 'calm'), await openStream(connectTo(), 'huge')]
  huge.send({ sequence: 1, samples: Array.from({ length: 30 }, () => samplesOf('x', 10_000)) })
  expect(await huge.ended).toBe(8)
  calm.send({ sequence: 1, starts: [wireStart('a', { task: { task: 'calm' } })], ends: [wireEnd('a')] })
  await calm.durable(1)
  expect(await countOf(client, 'calm')).toBe(1)
  await calm.close()
})

/** A call written by hand: what no gRPC library would send. Resolves to its grpc-status. */
async function rawCall(
  path: string,
  frames: readonly Buffer[],
  headers: Record<string, string> = {},
): Promise<string> {
  const session = connect(`http://${profiler.address}`)
  session.on('error', () => undefined)
  const request = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  return new Promise((resolve) => {
    const finish = (status: string) => {
      session.destroy()
      resolve(status)
    }
    request.on('response', (response) => {
      if (response['grpc-status'] !== undefined) finish(String(response['grpc-status']))
    })
    request.on('trailers', (trailers) => finish(String(trailers['grpc-status'])))
    request.on('error', () => finish('reset'))
    request.on('close', () => finish('closed'))
    request.resume()
    for (const frame of frames) request.write(frame)
    request.end()
  })
}

function frame(message: Buffer, isCompressed = false): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(isCompressed ? 1 : 0, 0)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

const updatePath = '/foresize.v1.ProfilerService/UpdateProfile'
const streamPath = '/foresize.v1.ProfilerService/StreamUsage'

test('a message that unpacks to a gigabyte', { timeout: 60_000 }, async () => {
  const bomb = gzipSync(Buffer.alloc(1024 * 1024 * 1024), { level: 9 })
  await expectBounded('zip bomb', async (until) => {
    while (!until.aborted) {
      for (const path of [updatePath, streamPath]) {
        expect(await rawCall(path, [frame(bomb, true)], { 'grpc-encoding': 'gzip' })).not.toBe('0')
      }
    }
  })
})

test('messages of millions of empty entries', { timeout: 60_000 }, async () => {
  const empty = frame(Buffer.alloc(4_000_000, Buffer.from([0x0a, 0])))
  await expectBounded('empty entries', async (until) => {
    while (!until.aborted) {
      const answers = await Promise.all([1, 2, 3, 4].map(() => rawCall(updatePath, [empty])))
      expect(answers).toEqual(['3', '3', '3', '3'])
    }
  })
})

test('bytes that are no protobuf, torn frames, lying lengths', { timeout: 60_000 }, async () => {
  const good = Buffer.from(UpdateProfileRequest.encode({ executions: [wireRecord('a')] }).finish())
  let sent = 0
  let taken = 0
  await expectBounded('malformed protobuf', async (until) => {
    while (!until.aborted) {
      const flipped = Buffer.from(good)
      const at = sent % flipped.length
      flipped[at] = (flipped[at] as number) ^ (1 << (sent % 8))
      const noise = Buffer.from(Array.from({ length: 64 }, () => Math.floor(Math.random() * 256)))
      const lying = frame(good)
      lying.writeUInt32BE(0x7fffffff, 1)
      const nested = Buffer.alloc(20_000, 0x0b)
      for (const message of [
        frame(flipped),
        frame(noise),
        frame(nested),
        lying,
        frame(good).subarray(0, 9),
      ]) {
        for (const path of [updatePath, streamPath]) {
          sent += 1
          if ((await rawCall(path, [message])) === '0') taken += 1
        }
      }
    }
  })
  process.stdout.write(`${sent} malformed calls, ${taken} of which still made sense\n`)
  expect(sent).toBeGreaterThan(0)
  expect(profiler.log()).not.toMatch(/unhandled/)
})

const names = Number(process.env['FORESIZE_TEST_NAMES'] ?? 50_000)

test('a flood of task names from one namespace: bounded memory, a counter, and other namespaces go on', {
  timeout: 60_000 + names,
}, async () => {
  const before = residentBytes()
  const peak = await peakDuring(async () => {
    for (let from = 0; from < names; from += 1000) {
      const executions = Array.from({ length: 1000 }, (_, i) =>
        wireRecord(`n${from + i}`, { task: { namespace: 'flood', task: `task-${from + i}` } }),
      )
      await unary(client, 'updateProfile', { executions })
    }
  })
  const list = (kind: 1 | 2 | 3) =>
    unary(client, 'listProfiles', { namespace: 'flood', kind, taskPrefix: '', pageSize: 1000, pageToken: '' })
  let tasks = 0
  let pageToken = ''
  do {
    const page = await unary(client, 'listProfiles', {
      namespace: 'flood',
      kind: 1,
      taskPrefix: '',
      pageSize: 1000,
      pageToken,
    })
    tasks += page.profiles.length
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  const overflow = (await list(3)).profiles[0]?.outcomes[0]?.count ?? 0
  process.stdout.write(
    `${names} task names: ${tasks} profiles, ${overflow} executions in the overflow profile, memory grows by ${((peak - before) / 1e6).toFixed(0)} MB\n`,
  )
  expect(tasks).toBe(Math.min(names, 10_000))
  expect(overflow).toBe(Math.max(names - 10_000, 0))
  expect(peak - before).toBeLessThan(maxGrowthBytes)
  await unary(client, 'updateProfile', { executions: [wireRecord('other')] })
  expect(await countOf(client)).toBe(1)
  await eventually(async () => (await list(2)).profiles.length > 0)
  expect((await list(2)).profiles.length).toBeLessThanOrEqual(1000)
})
