import { randomUUID } from 'node:crypto'
import { Queue, QueueEvents } from 'bullmq'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createLearningWorker,
  type LearningJob,
  type LearningResult,
  type LearningWorkerOptions,
  type SizedJob,
} from '../../examples/bullmq/learning-worker.ts'
import { runCommand } from '../../workers/typescript/command.ts'
import type { Worker } from '../../workers/typescript/worker.ts'
import { type RedisServer, redisServer } from '../support/redis.ts'
import { eventually, type Pair, startPair } from './support.ts'

/** The BullMQ example on a real Redis and the real pair, with real processes as jobs. */

let redis: RedisServer
let pair: Pair
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  redis = await redisServer()
  pair = await startPair()
})
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
  await pair.stop()
  await redis.stop()
})

async function startQueue(options: Partial<LearningWorkerOptions> = {}) {
  const name = `queue-${randomUUID()}`
  const connection = { host: '127.0.0.1', port: redis.port }
  const queue = new Queue<LearningJob, LearningResult>(name, { connection })
  const events = new QueueEvents(name, { connection })
  const worker = createLearningWorker(name, {
    connection,
    capacity: { memoryBytes: 4e9 },
    estimator: { target: pair.estimatorAddress, deadlineMs: 2000, updateIntervalMs: 0 },
    profiler: { target: pair.profilerAddress },
    ...options,
  })
  closing.push(async () => {
    await worker.close()
    await queue.close()
    await events.close()
  })
  return {
    worker,
    async run(task: string, job: LearningJob): Promise<LearningResult> {
      const added = await queue.add(task, job, { attempts: 6 })
      return added.waitUntilFinished(events, 60_000)
    },
  }
}

const bufferOf = (bytes: number): LearningJob => ({
  command: process.execPath,
  args: ['-e', `Buffer.alloc(${bytes}, 1)`],
  features: { input_bytes: bytes },
  requested: { memoryBytes: 2e9 },
})

test('jobs get what they request until their task is known, then what they need', async () => {
  const { run } = await startQueue()
  const first = await run('buffer', bufferOf(40e6))
  expect(first).toMatchObject({ allocated: { memoryBytes: 2e9 }, reason: 'unknown-task' })
  for (let i = 2; i <= 6; i++) await run('buffer', bufferOf(i * 20e6))
  const learned = await eventually(async () => {
    const result = await run('buffer', bufferOf(80e6))
    return result.reason === 'learned' || result.reason === 'escalated' ? result : undefined
  })
  expect(learned.allocated.memoryBytes).toBeGreaterThan(80e6)
  expect(learned.allocated.memoryBytes).toBeLessThan(600e6)
  const { accuracy } = await pair.profile('buffer', (profile) => profile.accuracy.length > 0)
  expect(accuracy.some(({ strategy }) => strategy === 'foresize')).toBe(true)
})

/** Node's own heap limit, so that a kill is real wherever the test runs. */
function runWithinHeap(worker: Worker, { task, allocated, estimateToken }: SizedJob) {
  const heapMegabytes = Math.floor((allocated.memoryBytes ?? 0) / 1e6)
  const execution = worker.startExecution({ ...task, task: task.task.task, allocated, estimateToken })
  const running = runCommand({
    command: task.job.data.command,
    args: [`--max-old-space-size=${heapMegabytes}`, ...(task.job.data.args ?? [])],
    stdio: 'ignore',
  })
  return running.done.then((result) => {
    const outcome = result.signal === 'SIGABRT' || result.exitCode === 134 ? 'out-of-memory' : result.outcome
    execution.end(outcome, result.used, result.source)
    return { ...result, outcome }
  })
}

test('a job that was killed for want of memory comes back with more, until it fits', async () => {
  const { run } = await startQueue({ run: runWithinHeap })
  const hoard = 'const held = []; for (let i = 0; i < 400; i++) held.push(new Array(50_000).fill(i + 0.5))'
  const result = await run('hoard', {
    command: process.execPath,
    args: ['-e', hoard],
    requested: { memoryBytes: 60e6 },
  })
  expect(result.reason).toBe('escalated')
  expect(result.allocated.memoryBytes).toBeGreaterThanOrEqual(120e6)
  const profile = await pair.profile('hoard', ({ outcomes }) => outcomes.length > 1)
  expect(profile.executions.some(({ outcome }) => outcome === 3)).toBe(true)
})

test('what a job fixes itself is given as it is', async () => {
  const { run } = await startQueue()
  const result = await run('buffer', { ...bufferOf(20e6), explicit: { memoryBytes: 333e6 } })
  expect(result).toMatchObject({ allocated: { memoryBytes: 333e6 }, reason: 'explicit' })
})

test('with no estimator to be reached jobs run with what they request, and health says why', async () => {
  const { run, worker } = await startQueue({
    estimator: { target: '127.0.0.1:1', deadlineMs: 300, updateIntervalMs: 0 },
  })
  for (let i = 0; i < 3; i++) {
    const result = await run('orphan', bufferOf(20e6))
    expect(result).toMatchObject({ allocated: { memoryBytes: 2e9 }, reason: 'unavailable' })
  }
  expect(worker.health().state).toBe('UNAVAILABLE')
  expect(worker.health().reasons.length).toBeGreaterThan(0)
})
