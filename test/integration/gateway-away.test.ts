import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort } from '../../cli/pair.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { gatewayFixture } from '../support/gateway-fixture.ts'
import { eventually, testProfiler } from '../support/profiler-service.ts'

/** Services that are away, silent or slow, and a gateway that stops. */

const stops: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
})

const query = { query: { task: { task: 'task' } } }
const estimate = 'EstimatorService/Estimate'

test('away, a service fails by name and at once, and is there again when it is back', async () => {
  const profiler = await testProfiler({ store: 'memory' })
  stops.push(profiler.stop)
  const listen = `127.0.0.1:${await freePort()}`
  const gateway = await gatewayFixture({ profiler: profiler.address, estimator: listen })
  stops.push(gateway.stop)
  const health = async () => (await fetch(`${gateway.origin}/healthz`)).status

  expect(await health()).toBe(503)
  expect(await gateway.post(estimate, query)).toEqual({
    status: 503,
    body: { code: 'unavailable', message: 'the estimator cannot be reached' },
  })
  // The other is none the worse.
  expect((await gateway.post('ProfilerService/ListProfiles', {})).status).toBe(200)

  for (let round = 0; round < 2; round++) {
    const estimator = await estimatorFixture({ listen, profiler: profiler.address })
    await eventually(async () => (await health()) === 200)
    await eventually(async () => (await gateway.post(estimate, query)).status === 200)
    await estimator.close()
    await eventually(async () => (await health()) === 503)
    expect((await gateway.post(estimate, query)).body.message).toBe('the estimator cannot be reached')
  }
})

describe('before a service that takes connections and says nothing', () => {
  async function beforeSilence(settings: { readonly maxCallMs?: number }) {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`
    const gateway = await gatewayFixture({ profiler: address, estimator: address, ...settings })
    stops.push(gateway.stop, async () => void silent.close())
    return gateway
  }

  test.each([
    ['the deadline of the caller', {}, { 'connect-timeout-ms': '200' }],
    ["the gateway's own", { maxCallMs: 200 }, {}],
    [
      "the gateway's own, where the caller has more patience",
      { maxCallMs: 200 },
      { 'connect-timeout-ms': '600000' },
    ],
  ])('%s ends a call', async (_, settings, headers) => {
    const gateway = await beforeSilence(settings)
    const answer = await gateway.post(estimate, query, headers)
    expect(answer).toMatchObject({ status: 504, body: { code: 'deadline_exceeded' } })
  })
})

describe('when the gateway stops', () => {
  test('a call under way is answered, a watch ends, no new connection is taken', async () => {
    const profiler = await testProfiler({ store: 'memory' })
    stops.push(profiler.stop)
    const gateway = await gatewayFixture({
      profiler: profiler.address,
      estimator: profiler.address,
      drainMs: 60_000,
    })
    const watch = await fetch(`${gateway.origin}/foresize.v1.ProfilerService/WatchProfiles`, {
      method: 'POST',
      headers: { 'content-type': 'application/connect+json' },
      body: Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('{}')]),
    })
    // Its body is sent once the gateway is stopping.
    let finish = () => {}
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('{"taskPrefix":'))
        finish = () => {
          controller.enqueue(Buffer.from('""}'))
          controller.close()
        }
      },
    })
    const underWay = fetch(`${gateway.origin}/foresize.v1.ProfilerService/ListProfiles`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      duplex: 'half',
    } as RequestInit)
    await eventually(async () => (await gateway.metric('open_calls')) === 2)

    const stopped = gateway.stop()
    expect(await watch.text()).toContain('the gateway is stopping')
    await expect(fetch(`${gateway.origin}/healthz`)).rejects.toThrow()
    finish()
    const answer = await underWay
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
    await stopped
  })

  test('what does not end by the deadline is cut', async () => {
    const profiler = await testProfiler({ store: 'memory' })
    stops.push(profiler.stop)
    const gateway = await gatewayFixture({
      profiler: profiler.address,
      estimator: profiler.address,
      drainMs: 100,
    })
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{')) })
    const underWay = fetch(`${gateway.origin}/foresize.v1.ProfilerService/ListProfiles`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      duplex: 'half',
    } as RequestInit)
    underWay.catch(() => undefined)
    await eventually(async () => (await gateway.metric('open_calls')) === 1)
    await gateway.stop()
    await expect(underWay).rejects.toThrow()
  })
})
