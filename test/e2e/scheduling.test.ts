import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createEstimatorClient,
  type EstimatorClient,
  type EstimatorClientOptions,
} from '../../services/scheduler/client.ts'
import { createLearningScheduler } from '../../services/scheduler/learning-scheduler.ts'
import type { SchedulableTask, SizedTask } from '../../services/scheduler/resource-aware-scheduler.ts'
import { Estimate } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { createWorker } from '../../workers/typescript/worker.ts'
import { estimatorImpostor } from './impostor.ts'
import { eventually, type Pair, startPair } from './support.ts'

/** A scheduler on the real estimator: learned, then with the estimator stopped, silent, or answering garbage. */

let pair: Pair
const clients: EstimatorClient[] = []

beforeAll(async () => {
  pair = await startPair()
  const worker = createWorker({ target: pair.profilerAddress })
  for (let i = 1; i <= 20; i++) {
    worker
      .startExecution({ task: 'learned', features: { n: i } })
      .end('succeeded', { memoryBytes: i * 1e6, cpuCores: 0.5, durationMs: 1000 }, 'external')
  }
  expect(await worker.close(10_000)).toBe(true)
})
afterAll(async () => {
  for (const client of clients) client.close()
  await pair.stop()
})

const client = (options: EstimatorClientOptions = {}) => {
  const made = createEstimatorClient({
    target: pair.estimatorAddress,
    deadlineMs: 1000,
    updateIntervalMs: 0,
    ...options,
  })
  clients.push(made)
  return made
}

const task = (n: number, more: Partial<SchedulableTask> = {}): SchedulableTask => ({
  task: { namespace: 'default', task: 'learned' },
  executionId: `e${n}`,
  features: { n },
  requested: { memoryBytes: 4e9 },
  ...more,
})

/** Hands back what it was given. */
const echo = { schedule: async (sized: SizedTask) => sized }

test('what was learned is given, explicit resources are not touched, and the token goes to the worker', async () => {
  const learning = createLearningScheduler(echo, client())
  const sized = await eventually(async () => {
    const each = await learning.schedule(task(15))
    return each.decision.reason === 'learned' ? each : undefined
  })
  expect(sized.allocated.memoryBytes).toBeGreaterThanOrEqual(15e6)
  expect(sized.allocated.memoryBytes).toBeLessThan(30e6)
  expect(sized.estimateToken.length).toBeGreaterThan(0)
  const fixed = await learning.schedule(task(15, { explicit: { memoryBytes: 123, diskBytes: 7 } }))
  expect(fixed.allocated).toMatchObject({ memoryBytes: 123, diskBytes: 7 })
  expect(fixed.decision.reason).toBe('explicit')
  expect(learning.health()).toEqual({ state: 'HEALTHY', reasons: [] })
})

test('after an out-of-memory kill more is given than before', async () => {
  const learning = createLearningScheduler(echo, client())
  const again = await learning.schedule(
    task(15, { attempt: 2, previousAllocation: { memoryBytes: 90e6 }, previousOutcome: 'out-of-memory' }),
  )
  expect(again.allocated.memoryBytes).toBeGreaterThan(90e6)
})

test('asks of one turn go in one call, and the same question is asked once', async () => {
  const asking = client({ updateIntervalMs: 60_000 })
  const learning = createLearningScheduler(echo, asking)
  await Promise.all(Array.from({ length: 100 }, (_, i) => learning.schedule(task(i % 50))))
  expect(asking.statistics()).toMatchObject({ calls: 1, asks: 100 })
  await learning.schedule(task(7))
  expect(asking.statistics()).toMatchObject({ calls: 1, cached: 1 })
})

test('a question that cannot even be sent takes no other with it, and large ones go in several calls', async () => {
  const asking = client({ deadlineMs: 20_000 })
  const learning = createLearningScheduler(echo, asking)
  const broken = { attempt: -1, labels: { x: 'y' } }
  const [bad, good] = await Promise.all([learning.schedule(task(1, broken)), learning.schedule(task(2))])
  expect(bad.decision.reason).toBe('unavailable')
  expect(good.decision.reason).toBe('learned')
  expect(asking.health().state).toBe('HEALTHY')
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`label-${i}`, 'x'.repeat(250)]))
  const { calls } = asking.statistics()
  const many = await Promise.all(
    Array.from({ length: 300 }, (_, n) => learning.schedule(task(n, { labels }))),
  )
  expect(many.every(({ decision }) => decision.reason !== 'unavailable')).toBe(true)
  expect(asking.statistics().calls - calls).toBeGreaterThan(1)
})

test('an update interval of the configuration decides how long an answer serves', async () => {
  const asking = client({ updateIntervalMs: 60_000 })
  const often = createLearningScheduler(echo, asking, { updateInterval: 0 })
  const rarely = createLearningScheduler(echo, asking, { updateInterval: 60_000 })
  for (const learning of [often, often, rarely, rarely]) await learning.schedule(task(11))
  expect(asking.statistics().calls).toBe(2)
})

test('a question that is refused is answered with the request, and harms no other', async () => {
  const asking = client()
  const learning = createLearningScheduler(echo, asking)
  const [bad, good] = await Promise.all([learning.schedule(task(Number.NaN)), learning.schedule(task(3))])
  expect(bad.decision.reason).toBe('unavailable')
  expect(bad.allocated).toEqual({ memoryBytes: 4e9 })
  expect(good.decision.reason).toBe('learned')
  expect(asking.health().state).toBe('HEALTHY')
})

test('the estimator stopped and started again: scheduling goes on, learning comes back by itself', async () => {
  const asking = client({ breakerResetMs: 200 })
  const learning = createLearningScheduler(echo, asking)
  const before = await learning.schedule(task(5))
  expect(before.decision.reason).toBe('learned')
  await pair.estimator().stop()
  const known = await learning.schedule(task(5))
  expect(known.decision.reason).toBe('learned')
  for (let n = 100; n < 110; n++) {
    const sized = await learning.schedule(task(n))
    expect(sized).toMatchObject({ allocated: { memoryBytes: 4e9 }, decision: { reason: 'unavailable' } })
  }
  expect(learning.health().state).toBe('UNAVAILABLE')
  expect(learning.health().reasons.length).toBeGreaterThan(0)
  await pair.startEstimator()
  await eventually(async () =>
    (await learning.schedule(task(200))).decision.reason === 'learned' ? true : undefined,
  )
  expect(learning.health().state).toBe('HEALTHY')
})

/** Takes connections and hands what comes to `answer`. */
async function impostor(answer: (socket: Socket) => void): Promise<{ address: string; server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    answer(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { address: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, server }
}

test.each([
  ['that takes the connection and says nothing', () => {}],
  ['that answers garbage', (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nhello')],
  ['that hangs up', (socket: Socket) => void socket.destroy()],
])('an estimator %s does not hold up scheduling', async (_, answer) => {
  const { address, server } = await impostor(answer)
  const asking = client({ target: address, deadlineMs: 100, breakerResetMs: 60_000 })
  const learning = createLearningScheduler(echo, asking)
  for (let n = 0; n < 6; n++) {
    const sized = await learning.schedule(task(n))
    expect(sized).toMatchObject({ allocated: { memoryBytes: 4e9 }, decision: { reason: 'unavailable' } })
  }
  expect(asking.health().state).toBe('UNAVAILABLE')
  const { calls } = asking.statistics()
  await learning.schedule(task(7))
  expect(asking.statistics().calls).toBe(calls)
  asking.close()
  server.close()
})

const garbage = (memoryBytes: number, confidence = 0.9) =>
  Estimate.fromPartial({ resources: { memoryBytes }, confidence, source: 1, executions: 50 })

test.each<[string, ReturnType<typeof garbage> | undefined]>([
  ['NaN', garbage(Number.NaN)],
  ['a negative amount', garbage(-1)],
  ['nothing to run on', garbage(0)],
  ['more than there is anywhere', garbage(1e20)],
  ['a confidence of 7', garbage(1e6, 7)],
  ['no estimate', undefined],
])('an estimator that answers %s is not believed', async (_, estimate) => {
  const impostor = await estimatorImpostor({
    estimate: (_call, answer) => answer(null, { estimate }),
    estimateBatch: (_call, answer) => answer(null, { results: [] }),
  })
  const asking = client({ target: impostor.address })
  const learning = createLearningScheduler(echo, asking)
  const [alone] = [await learning.schedule(task(1))]
  const together = await Promise.all([learning.schedule(task(2)), learning.schedule(task(3))])
  for (const sized of [alone, ...together]) {
    expect(sized).toMatchObject({ allocated: { memoryBytes: 4e9 }, decision: { reason: 'unavailable' } })
  }
  expect(asking.health().state).not.toBe('HEALTHY')
  asking.close()
  impostor.stop()
})
