import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import { pairFixture } from '../support/pair-fixture.ts'
import { eventually } from '../support/profiler-service.ts'

/** Both services by JSON over HTTP, as a shell, a Lua plugin or a Groovy script calls them. */

let pair: Awaited<ReturnType<typeof pairFixture>>
let gateway: GatewayFixture
beforeAll(async () => {
  pair = await pairFixture()
  gateway = await gatewayFixture({ profiler: pair.profilerAddress, estimator: pair.estimator.address })
})
afterAll(async () => {
  await gateway.stop()
  await pair.close()
})

const execution = (executionId: string, task: string, memoryBytes: number) => ({
  executionId,
  task: { task },
  outcome: 'OUTCOME_SUCCEEDED',
  used: { memoryBytes, durationMs: 1000 },
})

describe('a call by JSON', () => {
  test('reports executions, and the next estimate knows them', async () => {
    const executions = Array.from({ length: 8 }, (_, i) => execution(`known-${i}`, 'known', 2e8))
    const reported = await gateway.post('ProfilerService/UpdateProfile', { executions })
    expect(reported).toMatchObject({ status: 200, body: { folded: 8 } })

    const query = { task: { task: 'known' } }
    await eventually(async () => {
      const { body } = await gateway.post('EstimatorService/Estimate', { query })
      return body.estimate.source === 'ESTIMATE_SOURCE_PROFILE'
    })
    const { body } = await gateway.post('EstimatorService/Estimate', { query })
    expect(body.estimate.resources.memoryBytes).toBeGreaterThanOrEqual(2e8)
    expect(body.estimate.resources.memoryBytes).toBeLessThan(4e8)
  })

  test('answers a batch one by one: a bad query harms no other', async () => {
    const queries = [{ task: { task: 'known' } }, { task: { task: '' } }]
    const { status, body } = await gateway.post('EstimatorService/EstimateBatch', { queries })
    expect(status).toBe(200)
    expect(body.results[0].estimate.resources.memoryBytes).toBeGreaterThan(0)
    expect(body.results[1].rejection.violations).toEqual([{ field: 'task.task', description: 'is required' }])
  })

  test('takes field names as the contract writes them, and in camel case', async () => {
    const ask = (resources: object) =>
      gateway.post('EstimatorService/Confidence', { query: { task: { task: 'known' } }, resources })
    const [snake, camel] = [await ask({ memory_bytes: 1e9 }), await ask({ memoryBytes: 1e9 })]
    expect(snake.body.confidence).toBeGreaterThan(0.9)
    expect(snake.body.confidence).toBe(camel.body.confidence)
  })

  test.each([
    ['a field that is not in the contract', { query: { tusk: {} } }, /EstimateQuery.*"tusk" is unknown/],
    ['a value of the wrong type', { query: { attempt: 'first' } }, /EstimateQuery\.attempt .*"first"/],
    ['a value out of range', { query: { task: { task: '' } } }, /query\.task\.task: is required/],
    ['what is no JSON', '{"query":', /EstimateRequest from JSON/],
  ])('is refused by name for %s', async (_, body, message) => {
    const refused = await gateway.post('EstimatorService/Estimate', body)
    expect(refused.status).toBe(400)
    expect(refused.body).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(message) as string,
    })
  })

  test.each([
    ['a method that there is not', 'EstimatorService/Guess'],
    ['a service that there is not', 'OracleService/Estimate'],
    ['a method that streams both ways, which HTTP/1.1 cannot', 'ProfilerService/StreamUsage'],
  ])('of %s is unimplemented', async (_, path) => {
    expect(await gateway.post(path, {})).toMatchObject({ status: 404, body: { code: 'unimplemented' } })
  })

  test('without a content type, or by GET, is told what is missing', async () => {
    const path = `${gateway.origin}/foresize.v1.EstimatorService/Estimate`
    const plain = await fetch(path, { method: 'POST', body: '{}' })
    expect([plain.status, await plain.json()]).toMatchObject(
      [415, { message: /application\/json/ }].map(match),
    )
    const got = await fetch(path)
    expect([got.status, await got.json()]).toMatchObject([405, { message: /POST/ }].map(match))
  })
})

/** Patterns inside an expectation. */
function match(value: unknown): unknown {
  if (value instanceof RegExp) return expect.stringMatching(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, match(inner)]))
}

test('health is there by HTTP and by the standard protocol, for the gateway and for each service', async () => {
  expect((await fetch(`${gateway.origin}/healthz`)).status).toBe(200)
  const check = async (service: string) => {
    const answer = await fetch(`${gateway.origin}/grpc.health.v1.Health/Check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ service }),
    })
    return answer.json()
  }
  for (const service of ['', 'foresize.v1.EstimatorService', 'foresize.v1.ProfilerService']) {
    expect(await check(service)).toEqual({ status: 'SERVING' })
  }
  expect(await check('nobody')).toMatchObject({ code: 'not_found' })
})
