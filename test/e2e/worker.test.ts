import { once } from 'node:events'
import { join } from 'node:path'
import { Worker as Thread } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorker, type Worker, type WorkerProblem } from '../../workers/typescript/worker.ts'
import { countOf, eventually, type Pair, startPair } from './support.ts'

/** The SDK against the real profiler. */

let pair: Pair
const workers: Worker[] = []
beforeAll(async () => {
  pair = await startPair()
})
afterAll(async () => {
  for (const worker of workers) await worker.close(0)
  await pair.stop()
})

function worker(problems: WorkerProblem[] = [], target = pair.profilerAddress): Worker {
  const made = createWorker({ target, reconnectMaxMs: 500, onProblem: (problem) => problems.push(problem) })
  workers.push(made)
  return made
}

test('a function is profiled: its result, its failure, its use', async () => {
  const burnUs = 60_000
  const reporting = worker()
  const held = await reporting.profile('fn', { rows: 3 }, async (execution) => {
    execution.sample({ elapsedMs: 1, diskBytes: 4096 })
    const before = process.cpuUsage()
    while (process.cpuUsage(before).user < burnUs);
    return Buffer.alloc(30e6, 1)
  })
  expect(held.length).toBe(30e6)
  await expect(
    reporting.profile('fn', { rows: 4 }, () => {
      throw new Error('of its own')
    }),
  ).rejects.toThrow('of its own')
  expect(await reporting.flush()).toBe(true)
  const profile = await pair.profile('fn', (found) => countOf(found) === 2)
  const [first, second] = profile.executions
  expect(first).toMatchObject({ features: { rows: 3 }, outcome: 1, used: { diskBytes: 4096 } })
  const { cpuCores = 0, durationMs = 0 } = first?.used ?? {}
  expect(cpuCores * durationMs * 1000).toBeGreaterThanOrEqual(burnUs)
  expect(first?.used?.memoryBytes).toBeGreaterThan(30e6)
  expect(second).toMatchObject({ features: { rows: 4 }, outcome: 2 })
})

test('a command of its own, and many executions at once over one session', async () => {
  const reporting = worker()
  const { done } = reporting.run({ task: 'cmd', command: 'true', stdio: 'ignore' })
  expect((await done).outcome).toBe('succeeded')
  const executions = Array.from({ length: 500 }, () => reporting.startExecution({ task: 'many' }))
  for (const [i, execution] of executions.entries()) {
    execution.sample({ elapsedMs: 10, memoryBytes: 1e6 + i })
    execution.end('succeeded', { memoryBytes: 1e6 + i, durationMs: 20 }, 'external')
    execution.end('failed')
  }
  expect(await reporting.flush()).toBe(true)
  await pair.profile('cmd', (found) => countOf(found) === 1)
  const profile = await pair.profile('many', (found) => countOf(found) === 500)
  expect(profile.outcomes).toEqual([{ outcome: 1, count: 500 }])
})

test('a server killed and started again in the middle: nothing is lost and nothing counts twice', async () => {
  const problems: WorkerProblem[] = []
  const reporting = worker(problems)
  let made = 0
  const make = () => {
    const execution = reporting.startExecution({ task: 'resumed' })
    execution.end('succeeded', { memoryBytes: 1e6, durationMs: 5 }, 'external')
    made++
  }
  const long = reporting.startExecution({ task: 'long' })
  const ticker = setInterval(() => {
    make()
    long.sample({ elapsedMs: made, memoryBytes: made })
  }, 25)
  for (let kills = 0; kills < 2; kills++) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    pair.profiler().child.kill('SIGKILL')
    await pair.profiler().ended
    await new Promise((resolve) => setTimeout(resolve, 200))
    await pair.startProfiler()
  }
  await new Promise((resolve) => setTimeout(resolve, 300))
  clearInterval(ticker)
  long.end('succeeded')
  expect(await reporting.flush(20_000)).toBe(true)
  expect(reporting.statistics()).toMatchObject({
    rejected: 0,
    unrecorded: 0,
    started: made + 1,
    ended: made + 1,
  })
  expect(problems.some(({ kind }) => kind === 'disconnected')).toBe(true)
  const profile = await pair.profile('resumed', (found) => countOf(found) >= made)
  expect(countOf(profile)).toBe(made)
  const one = await pair.profile('long', (found) => countOf(found) === 1)
  expect(one.executions[0]?.used?.memoryBytes).toBe(made)
})

test('bad input is told of, and what comes with it is taken', async () => {
  const problems: WorkerProblem[] = []
  const reporting = worker(problems)
  reporting.startExecution({ task: 'bad', features: { n: Number.NaN } }).end('succeeded')
  reporting.startExecution({ task: 'good' }).end('succeeded', { memoryBytes: 1 }, 'external')
  await reporting.flush()
  await pair.profile('good', (found) => countOf(found) === 1)
  const rejection = await eventually(async () => problems.find(({ kind }) => kind === 'rejected'))
  expect(rejection).toMatchObject({ violations: [{ field: expect.stringContaining('features[n]') }] })
})

test('in a worker thread CPU is that of the thread, whatever the others do', async () => {
  const busyMs = 200
  const thread = new Thread(join(import.meta.dirname, 'thread-worker.ts'), {
    workerData: { target: pair.profilerAddress, busyMs },
  })
  const ended = once(thread, 'exit')
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  // Burns in this thread meanwhile, in turns short enough to hear of the end.
  while (!isOver) {
    const endMs = performance.now() + 5
    while (performance.now() < endMs);
    await new Promise((resolve) => setImmediate(resolve))
  }
  const profile = await pair.profile('threaded', (found) => countOf(found) === 1)
  const { cpuCores = 0, durationMs = 0 } = profile.executions[0]?.used ?? {}
  expect((cpuCores * durationMs) / busyMs).toBeGreaterThan(0.95)
  expect((cpuCores * durationMs) / busyMs).toBeLessThan(1.25)
})

test('with nothing at the address work goes on, flush says so, and close does not wait for ever', async () => {
  const reporting = worker([], '127.0.0.1:1')
  expect(await reporting.profile('x', {}, () => 42)).toBe(42)
  expect(await reporting.flush(200)).toBe(false)
  expect(reporting.statistics().waitingExecutions).toBe(1)
  expect(await reporting.close(100)).toBe(false)
  reporting.startExecution({ task: 'after' }).end('succeeded')
  expect(await reporting.flush(100)).toBe(false)
})
