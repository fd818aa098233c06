import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Metadata, status } from '@grpc/grpc-js'
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProfiler } from '../../services/profiler/service.ts'
import { clientOptionsFor } from '../../shared/rpc/client.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import { estimatorFixture, wireQuery } from '../support/estimator-fixture.ts'
import { gatewayFixture } from '../support/gateway-fixture.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import { unary, wireRecord } from '../support/profiler-service.ts'
import { outcomeOf, secureClient } from '../support/secure-services.ts'
import { configOf } from '../support/stores.ts'

interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly status: { readonly code?: number }
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
}

const received: Span[] = []
const collector = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString())
  for (const { scopeSpans } of resourceSpans) for (const { spans } of scopeSpans) received.push(...spans)
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
})

beforeAll(async () => {
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
})
afterAll(() => void collector.close())

const listing = { namespace: '', taskPrefix: '', pageSize: 0, pageToken: '', kind: 0 as const }

async function profilerWith(tracesSampleRatio: number) {
  const lifecycle = createLifecycle(quietLog)
  const { port } = collector.address() as AddressInfo
  const tracesEndpoint = `http://127.0.0.1:${port}/v1/traces`
  const config = configOf({ store: 'memory', tracesEndpoint, tracesSampleRatio, drainMs: 1000 })
  const { address } = await startProfiler(config, systemClock, quietLog, lifecycle)
  return { client: secureClient({ target: address }), address, stop: () => lifecycle.stop('test') }
}

test('each call is a span with its method and status; what is left is sent when the service stops', async () => {
  received.length = 0
  const { client, stop } = await profilerWith(1)
  await unary(client, 'updateProfile', { executions: [wireRecord('a')] })
  expect(
    await outcomeOf(unary(client, 'getProfile', { key: { namespace: '', kind: 1, task: 'none' } })),
  ).toBe(status.NOT_FOUND)
  client.close()
  await stop()
  const codeOf = ({ attributes }: Span) => attributes.find(({ key }) => key === 'rpc.grpc.status_code')?.value
  expect(received.map((span) => [span.name, codeOf(span)])).toEqual([
    ['foresize.v1.ProfilerService/UpdateProfile', { intValue: status.OK }],
    ['foresize.v1.ProfilerService/GetProfile', { intValue: status.NOT_FOUND }],
  ])
  for (const span of received) expect(JSON.stringify(span)).not.toContain('none')
})

test('a call within a trace of its caller is part of that trace, whatever the share of others', async () => {
  received.length = 0
  const { address, stop } = await profilerWith(0)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  // What an OpenTelemetry SDK of the calling program would do.
  propagation.setGlobalPropagator({
    fields: () => ['traceparent'],
    extract: (into) => into,
    inject(from, carrier, { set }) {
      const span = trace.getSpanContext(from)
      if (span !== undefined) set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`)
    },
  })
  context.setGlobalContextManager({
    active: () => trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: 'b7ad6b7169203331', traceFlags: 1 }),
    with: (_, run, self, ...args) => run.call(self as never, ...args),
    bind: (_, target) => target,
    enable() {
      return this
    },
    disable() {
      return this
    },
  })
  expect(clientOptionsFor({ target: address }).interceptors).toHaveLength(1)
  const traced = secureClient({ target: address })
  await unary(traced, 'listProfiles', listing)
  propagation.disable()
  const untraced = secureClient({ target: address })
  await unary(untraced, 'listProfiles', listing)
  context.disable()
  traced.close()
  untraced.close()
  await stop()
  expect(received.map((span) => [span.traceId, span.parentSpanId])).toEqual([[traceId, 'b7ad6b7169203331']])
})

test('a profile that is fetched for an answer belongs to the trace of the one who asked', async () => {
  received.length = 0
  const { client, address, stop } = await profilerWith(0)
  const tasks = ['a', 'b', 'c'].map((task) => ({ namespace: 'default', task }))
  await unary(client, 'updateProfile', {
    executions: tasks.map((task) => ({ ...wireRecord(task.task), task })),
  })
  const { port } = collector.address() as AddressInfo
  const estimator = await estimatorFixture({
    profiler: address,
    replicaMaxProfiles: 1,
    tracesEndpoint: `http://127.0.0.1:${port}/v1/traces`,
    tracesSampleRatio: 0,
  })
  await estimator.estimateUntil(({ executions }) => executions === 1, {
    task: { namespace: 'default', task: 'a' },
  })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const metadata = new Metadata()
  metadata.set('traceparent', `00-${traceId}-b7ad6b7169203331-01`)
  for (const task of tasks) {
    await new Promise((resolve) => {
      estimator.client.estimate({ query: wireQuery({ task }) }, metadata, resolve)
    })
  }
  await estimator.close()
  client.close()
  await stop()

  const named = (name: string) => received.filter((span) => span.name.endsWith(name))
  const asked = named('/Estimate')
  const fetched = named('/GetProfile')
  expect(asked.map((span) => span.parentSpanId)).toEqual(tasks.map(() => 'b7ad6b7169203331'))
  expect(fetched.length).toBeGreaterThanOrEqual(2)
  for (const span of fetched) {
    expect(span.traceId).toBe(traceId)
    expect(asked.map(({ spanId }) => spanId)).toContain(span.parentSpanId)
  }
})

test('a call through the gateway is a span of it, and the call of the service is under that', async () => {
  received.length = 0
  const { client, address, stop } = await profilerWith(0)
  const { port } = collector.address() as AddressInfo
  const gateway = await gatewayFixture({
    profiler: address,
    estimator: address,
    tracesEndpoint: `http://127.0.0.1:${port}/v1/traces`,
    tracesSampleRatio: 0,
  })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await gateway.post('ProfilerService/ListProfiles', {}, { traceparent })
  await gateway.post('ProfilerService/ListProfiles', {})
  await gateway.stop()
  client.close()
  await stop()
  // Those of the gateway are sent first: it stops first.
  const [outer, inner, ...more] = received
  expect(more).toEqual([])
  expect(outer).toMatchObject({ parentSpanId: 'b7ad6b7169203331' })
  expect(inner).toMatchObject({ traceId: outer?.traceId, parentSpanId: outer?.spanId })
})
