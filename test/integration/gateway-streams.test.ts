import { Code, ConnectError } from '@connectrpc/connect'
import { createConnectTransport as createNodeTransport } from '@connectrpc/connect-node'
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientOf } from '../support/gateway-clients.ts'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import {
  eventually,
  type TestProfiler,
  testProfiler,
  unary,
  wireRecord,
} from '../support/profiler-service.ts'

/** Streams and binary protocols, with the libraries that browsers and programs use. */

let profiler: TestProfiler
let gateway: GatewayFixture
beforeAll(async () => {
  profiler = await testProfiler({ store: 'memory', maxWatchers: 2, heartbeatMs: 100 })
  gateway = await gatewayFixture({ profiler: profiler.address, estimator: profiler.address })
})
afterAll(async () => {
  await gateway.stop()
  await profiler.stop()
})

const report = (task: string) =>
  unary(profiler.client, 'updateProfile', { executions: [wireRecord(`of ${task}`, { task: { task } })] })

const transports = [
  ['gRPC-web', () => createGrpcWebTransport({ baseUrl: gateway.origin })],
  ['gRPC-web by JSON', () => createGrpcWebTransport({ baseUrl: gateway.origin, useBinaryFormat: false })],
  ['Connect', () => createConnectTransport({ baseUrl: gateway.origin, useBinaryFormat: true })],
  ['Connect by JSON', () => createConnectTransport({ baseUrl: gateway.origin })],
] as const

describe.each(transports)('over %s', (name, transport) => {
  test('a call is answered, and an error has its code and its words', async () => {
    const client = clientOf('ProfilerService', transport())
    await report(`unary ${name}`)
    const key = { kind: 'PROFILE_KIND_TASK', task: `unary ${name}` }
    const { profile } = await client.getProfile({ key: { ...key, kind: 1 } })
    expect(profile.key.task).toBe(`unary ${name}`)
    const refused = client.getProfile({ key: { kind: 1, task: 'nobody' } })
    const error = await refused.then(
      () => undefined,
      (reason: unknown) => ConnectError.from(reason),
    )
    expect(error?.code).toBe(Code.NotFound)
    expect(error?.rawMessage).toMatch(/nobody/)
  })

  test('a watch hears of what is there, then of changes, and its end frees the watcher', async () => {
    const client = clientOf('ProfilerService', transport())
    // More than there may be at once: each has to give its place back.
    for (let round = 0; round < 4; round++) {
      const leaving = new AbortController()
      const task = `watched ${name} ${round}`
      let isCaughtUp = false
      const seen: string[] = []
      const watch = async () => {
        for await (const { change } of client.watchProfiles({}, { signal: leaving.signal })) {
          if (change.case === 'caughtUp' && !isCaughtUp) {
            isCaughtUp = true
            await report(task)
          }
          if (change.case === 'profile') seen.push(change.value.key.task)
          if (seen.includes(task)) leaving.abort()
        }
      }
      await eventually(async () => {
        const error = await watch().then(
          () => undefined,
          (reason: unknown) => ConnectError.from(reason).code,
        )
        // The place of the one before is free once the profiler has heard that it left.
        return error !== Code.ResourceExhausted
      })
      expect(seen).toContain(task)
    }
    await eventually(async () => (await gateway.metric('open_calls')) === 0)
  })
})

test('profiles leave by a stream and come back by one', async () => {
  const transport = createNodeTransport({ baseUrl: gateway.origin, httpVersion: '1.1' })
  const client = clientOf('ProfilerService', transport)
  await report('travels')
  const parts: Uint8Array[] = []
  for await (const { data } of client.exportProfiles({ namespaces: ['default'], format: 1 })) {
    parts.push(data)
  }
  await client.deleteProfile({ key: { kind: 1, task: 'travels' } })
  async function* messages() {
    yield { message: { case: 'header', value: { format: 1, mode: 1 } } }
    for (const data of parts) yield { message: { case: 'data', value: data } } as never
  }
  const { created } = await client.importProfiles(messages())
  expect(created).toBe(1n)
})
