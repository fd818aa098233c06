import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GatewayConfig } from '../../services/gateway/config.ts'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import {
  eventually,
  type TestProfiler,
  testProfiler,
  unary,
  wireRecord,
} from '../support/profiler-service.ts'

/** Callers that send too much, too many, too slowly. Whoever keeps to the limits is served all the while. */

let profiler: TestProfiler
const gateways: GatewayFixture[] = []
beforeAll(async () => {
  profiler = await testProfiler({ store: 'memory' })
})
afterAll(async () => {
  for (const gateway of gateways) await gateway.stop()
  await profiler.stop()
})

async function gatewayWith(settings: Partial<GatewayConfig>): Promise<GatewayFixture> {
  const gateway = await gatewayFixture({
    profiler: profiler.address,
    estimator: profiler.address,
    drainMs: 0,
    ...settings,
  })
  gateways.push(gateway)
  return gateway
}

const list = 'ProfilerService/ListProfiles'
const watchHeaders = { 'content-type': 'application/connect+json' }
const watchBody = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('{}')])

/** Opens a watch; resolves with what ends it, or with the words of its refusal. */
async function openWatch({ origin }: GatewayFixture): Promise<(() => void) | string> {
  const leaving = new AbortController()
  const answer = await fetch(`${origin}/foresize.v1.ProfilerService/WatchProfiles`, {
    method: 'POST',
    headers: watchHeaders,
    body: watchBody,
    signal: leaving.signal,
  })
  const first = await answer.body?.getReader().read()
  const words = Buffer.from(first?.value ?? []).toString()
  if (words.includes('"error"')) return words
  return () => leaving.abort()
}

/** Writes to a plain connection; resolves with all that comes back until it closes. */
async function talk({ address }: GatewayFixture, text: string): Promise<string> {
  const socket = connect(Number(address.slice(address.lastIndexOf(':') + 1)), '127.0.0.1')
  let received = ''
  socket.on('data', (data) => {
    received += String(data)
  })
  socket.on('error', () => {})
  socket.write(text)
  // Not `once`: one that is cut fails first.
  await new Promise((resolve) => socket.on('close', resolve))
  return received
}

describe('a message that is too large is refused', () => {
  test.each([
    ['as it is', (text: string) => text, {}],
    ['unpacked', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('%s', async (_, pack, headers) => {
    const gateway = await gatewayWith({ maxMessageBytes: 10_000 })
    const answer = await fetch(`${gateway.origin}/foresize.v1.${list}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: pack(JSON.stringify({ taskPrefix: 'x'.repeat(1_000_000) })),
    })
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({
      code: 'resource_exhausted',
      message: expect.stringMatching(/10000/) as string,
    })
    expect((await gateway.post(list, {})).status).toBe(200)
  })
})

/** A message of a stream: flags, its length, itself. */
function enveloped(message: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(flags, 0)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

describe('a message of more entries than any may have is refused before it is parsed', () => {
  const json = Buffer.from(`{"queries":[${'{},'.repeat(100_000)}{}]}`)
  const namespaces = Buffer.from(`{"namespaces":[${'"",'.repeat(300_000)}""]}`)
  const protobuf = Buffer.alloc(400_000, Buffer.from([0x0a, 0]))
  const batch = 'EstimatorService/EstimateBatch'
  const watch = 'ProfilerService/WatchProfiles'
  const gzip = { 'content-encoding': 'gzip' }

  test.each([
    ['JSON', batch, 'application/json', json, {}],
    ['JSON, named as capitals', batch, 'Application/JSON', json, {}],
    ['JSON, packed', batch, 'application/json', gzipSync(json), gzip],
    ['JSON, said to be as it is', batch, 'application/json', json, { 'content-encoding': 'identity' }],
    ['protobuf', batch, 'application/proto', protobuf, {}],
    ['protobuf, packed', batch, 'application/proto', gzipSync(protobuf), gzip],
    ['protobuf of gRPC-web', batch, 'application/grpc-web+proto', enveloped(protobuf), {}],
    ['a stream of JSON', watch, 'application/connect+json', enveloped(namespaces), {}],
    [
      'the second message of a stream',
      ...([
        watch,
        'application/connect+json',
        Buffer.concat([watchBody, enveloped(namespaces)]),
        {},
      ] as const),
    ],
    [
      'a message of a stream of requests',
      ...([
        'ProfilerService/ImportProfiles',
        'application/connect+json',
        enveloped(Buffer.from(`{"header":[${'{},'.repeat(100_000)}{}]}`)),
        {},
      ] as const),
    ],
    [
      'a stream of JSON, packed',
      ...([watch, 'application/connect+json', enveloped(gzipSync(namespaces), 1)] as const),
      { 'connect-content-encoding': 'gzip' },
    ],
  ])('%s', async (_, method, type, body, headers) => {
    const gateway = await gatewayWith({ maxMessageBytes: 1_500_000, maxHeldBytes: 1e9 })
    const answer = await fetch(`${gateway.origin}/foresize.v1.${method}`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body,
    })
    const said = decodeURIComponent((await answer.text()) + [...answer.headers])
    expect(said).toMatch(/the (JSON|message) has more than|queries: the message has more than/)
    expect((await gateway.post(list, {})).status).toBe(200)
    expect(await gateway.metric('held_bytes')).toBe(0)
  })
})

describe('calls beyond what may be open at once are refused', () => {
  test('from one address, and one that ends makes room', async () => {
    const gateway = await gatewayWith({ maxConcurrentCalls: 4, maxHeldShare: 0.5 })
    const opened = [await openWatch(gateway), await openWatch(gateway)]
    const refused = await gateway.post(list, {})
    expect(refused).toMatchObject({ status: 429, body: { code: 'resource_exhausted' } })
    expect(refused.body.message).toContain('max_held_share of max_concurrent_calls, 2')
    expect(await openWatch(gateway)).toContain('resource_exhausted')
    expect(await gateway.metric('refused_calls_total{code="RESOURCE_EXHAUSTED"}')).toBe(2)
    const [end] = opened
    if (typeof end === 'function') end()
    await eventually(async () => (await gateway.post(list, {})).status === 200)
    for (const leave of opened) if (typeof leave === 'function') leave()
  })

  test('in all', async () => {
    const gateway = await gatewayWith({ maxConcurrentCalls: 1, maxHeldShare: 1 })
    const end = await openWatch(gateway)
    expect((await gateway.post(list, {})).body.message).toContain('max_concurrent_calls, 1')
    if (typeof end === 'function') end()
  })

  test('a second, by rate', async () => {
    const gateway = await gatewayWith({ maxCallsPerSecondPerPeer: 1 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.post(list, {})))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]?.body.message).toBe('too many calls from this address')
  })
})

test('unfinished requests count together, and what they held is given back', async () => {
  const gateway = await gatewayWith({ maxHeldBytes: 1_048_576, maxHeldShare: 1 })
  const head = `POST /foresize.v1.${list} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 300000\r\n\r\n`
  const part = head + ' '.repeat(250_000)
  const port = Number(gateway.address.slice(gateway.address.lastIndexOf(':') + 1))
  const sockets = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  for (const socket of sockets) socket.write(part)
  await eventually(
    async () => ((await gateway.metric('refused_calls_total{code="RESOURCE_EXHAUSTED"}')) ?? 0) > 0,
  )
  expect(await gateway.metric('held_bytes')).toBeLessThan(1_048_576 + 65_536)
  for (const socket of sockets) socket.destroy()
  await eventually(async () => (await gateway.metric('held_bytes')) === 0)
  expect((await gateway.post(list, {})).status).toBe(200)
})

test.each([
  ['as it is', (text: string) => text, {}],
  ['packed', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
])(
  'a request that would become a hundred times as much is refused before it is read, %s',
  async (_, pack, headers) => {
    const gateway = await gatewayWith({ maxHeldBytes: 50_000_000, maxHeldShare: 1 })
    const queries = Array.from({ length: 300_000 }, () => ({}))
    const answer = await fetch(`${gateway.origin}/foresize.v1.EstimatorService/EstimateBatch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: pack(JSON.stringify({ queries })),
    })
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({ message: expect.stringMatching(/max_held_bytes/) as string })
    await eventually(async () => (await gateway.metric('held_bytes')) === 0)
  },
)

describe('a slow caller is cut off', () => {
  test('that does not finish its headers', async () => {
    const gateway = await gatewayWith({ headerTimeoutMs: 200, receiveTimeoutMs: 400 })
    expect(await talk(gateway, `POST /foresize.v1.${list} HTTP/1.1\r\nhost: local`)).toMatch(
      /^HTTP\/1\.1 408 /,
    )
  })

  test('that does not finish its body', async () => {
    const gateway = await gatewayWith({ headerTimeoutMs: 200, receiveTimeoutMs: 400 })
    const head = `POST /foresize.v1.${list} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`
    expect(await talk(gateway, head)).toMatch(/^HTTP\/1\.1 (408|400) |^$/)
    await eventually(async () => (await gateway.metric('open_calls')) === 0)
  })

  test('that does not read its answer', async () => {
    // More than the buffers of a connection hold: 24 profiles of 0.8 MB.
    const labels = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`label ${i}`, 'x'.repeat(250)]))
    for (let i = 0; i < 24; i++) {
      const executions = Array.from({ length: 96 }, (_, j) =>
        wireRecord(`${i} ${j}`, { task: { task: `large ${i}` }, labels }),
      )
      await unary(profiler.client, 'updateProfile', { executions })
    }
    const gateway = await gatewayWith({ sendTimeoutMs: 300 })
    const port = Number(gateway.address.slice(gateway.address.lastIndexOf(':') + 1))
    const head = `POST /foresize.v1.ProfilerService/WatchProfiles HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\ncontent-length: ${watchBody.length}\r\n\r\n`
    const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').on('error', () => {}))
    for (const socket of sockets) socket.pause().write(Buffer.concat([Buffer.from(head), watchBody]))
    await eventually(async () => (await gateway.metric('open_calls')) === sockets.length)
    await eventually(async () => (await gateway.metric('open_calls')) === 0)
    expect(await gateway.metric('held_bytes')).toBe(0)
    for (const socket of sockets) socket.destroy()
  })
})

test('headers that are too large are refused', async () => {
  const gateway = await gatewayWith({ maxHeaderBytes: 2048 })
  const received = await talk(
    gateway,
    `POST /foresize.v1.${list} HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(4096)}\r\n\r\n`,
  )
  expect(received).toMatch(/^HTTP\/1\.1 431 /)
})

test('a connection that sends requests and waits for no answer is cut', async () => {
  const gateway = await gatewayWith({})
  const request = `POST /foresize.v1.${list} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`
  const received = await talk(gateway, request.repeat(1000))
  expect(received.match(/HTTP\/1\.1 /g)?.length ?? 0).toBeLessThan(100)
  await eventually(async () => (await gateway.metric('open_calls')) === 0)
  expect(await gateway.metric('held_bytes')).toBe(0)
  expect((await gateway.post(list, {})).status).toBe(200)
})

test.each([
  ['connect-timeout-ms', '9999999999', {}],
  ['grpc-timeout', '99999999H', { 'content-type': 'application/grpc-web+json' }],
])(
  'a caller that would wait longer than any timer (%s: %s) waits as long as may be',
  async (name, value, more) => {
    const gateway = await gatewayWith({})
    const isFramed = name === 'grpc-timeout'
    const answer = await fetch(`${gateway.origin}/foresize.v1.${list}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...more, [name]: value },
      body: isFramed ? watchBody : '{}',
    })
    expect(answer.status).toBe(200)
    if (isFramed) expect(await answer.text()).toContain('grpc-status: 0')
  },
)

test('connections beyond the limit are turned away', async () => {
  const gateway = await gatewayWith({ maxConnectionsPerPeer: 2 })
  const port = Number(gateway.address.slice(gateway.address.lastIndexOf(':') + 1))
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  await Promise.all(held.map((socket) => once(socket, 'connect')))
  await once(
    connect(port, '127.0.0.1').on('error', () => {}),
    'close',
  )
  expect(await gateway.metric('turned_away_connections_total')).toBe(1)
  for (const socket of held) socket.destroy()
  await eventually(async () => (await gateway.post(list, {}).catch(() => undefined))?.status === 200)
})

describe('what a refusal repeats of a request is bounded', () => {
  const long = 'x'.repeat(900_000)
  test.each([
    ['a key', { [long]: 1 }],
    ['a key within', { executions: [{ task: { [long]: 1 } }] }],
    ['a word', { executions: [{ outcome: long }] }],
    ['a number', { executions: [{ used: { memoryBytes: long } }] }],
    ['a short enough key', { [long.slice(0, 4000)]: 1 }],
  ])('%s', async (_, body) => {
    const gateway = await gatewayWith({})
    const answer = await fetch(`${gateway.origin}/foresize.v1.ProfilerService/UpdateProfile`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(400)
    expect((await answer.text()).length).toBeLessThan(5000)
  })

  test('a key of an import', async () => {
    const gateway = await gatewayWith({})
    const answer = await fetch(`${gateway.origin}/foresize.v1.ProfilerService/ImportProfiles`, {
      method: 'POST',
      headers: { 'content-type': 'application/connect+json' },
      body: enveloped(Buffer.from(JSON.stringify({ [long]: 1 }))),
    })
    const text = await answer.text()
    expect(text).toContain('invalid_argument')
    expect(text.length).toBeLessThan(1500)
  })

  test('a path', async () => {
    const gateway = await gatewayWith({})
    const answer = await fetch(`${gateway.origin}/${long.slice(0, 10_000)}`)
    expect(answer.status).toBe(404)
    expect((await answer.text()).length).toBeLessThan(1200)
  })

  test('a host', async () => {
    const gateway = await gatewayWith({})
    const head = `GET /healthz HTTP/1.1\r\nHost: ${long.slice(0, 10_000)}\r\nConnection: close\r\n\r\n`
    expect((await talk(gateway, head)).length).toBeLessThan(1500)
  })
})

test('what comes packed, or as a stream of messages, is held as what it is, not as the most that it might be', async () => {
  const gateway = await gatewayWith({})
  const method = (name: string) => `${gateway.origin}/foresize.v1.ProfilerService/${name}`
  const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
  const leaving = new AbortController()
  const head = Buffer.from([1, 0, 0, 0, gzipSync('{}').length])
  const watch = await fetch(method('WatchProfiles'), {
    method: 'POST',
    headers: { ...watchHeaders, 'connect-content-encoding': 'gzip' },
    body: Buffer.concat([head, gzipSync('{}')]),
    signal: leaving.signal,
  })
  const imports = [0, 1, 2].map(() =>
    fetch(method('ImportProfiles'), {
      method: 'POST',
      headers: watchHeaders,
      body: new ReadableStream(),
      duplex: 'half',
      signal: leaving.signal,
    } as RequestInit).catch(() => undefined),
  )
  // The imports have begun: nothing of them is answered before it is whole.
  await sleep(200)
  const lists = await Promise.all(
    Array.from({ length: 8 }, () =>
      fetch(method('ListProfiles'), { method: 'POST', headers: packed, body: gzipSync('{}') }),
    ),
  )
  expect(lists.map(({ status }) => status)).toEqual(lists.map(() => 200))
  expect(watch.status).toBe(200)
  leaving.abort()
  await Promise.all(imports)
})

test('a message is held to its bounds whatever the flags of its envelope are', async () => {
  const gateway = await gatewayWith({})
  const answers = [0, 4].map(async (flags) => {
    const answer = await fetch(`${gateway.origin}/foresize.v1.${list}`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto' },
      body: Buffer.from([flags, 0, 0, 0, 2, 0xff, 0xff]),
    })
    return `${answer.headers.get('grpc-message') ?? ''}${await answer.text()}`
  })
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/well(%20| )formed/)
})
