import { status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import type { UsageBatch } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { createWorker, type Worker, type WorkerOptions } from '../../workers/typescript/worker.ts'
import { acknowledged, type Impostor, opened, profilerImpostor, type UsageStream } from './impostor.ts'
import { eventually } from './support.ts'

/** The worker against profilers that hang, forget, lie and refuse. */

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Session {
  readonly id: string
  readonly batches: UsageBatch[]
  readonly stream: UsageStream
}

/** Plays every stream by `play`; keeps what each has heard. */
async function playing(
  play: (session: Session, nth: number, batch: UsageBatch | undefined) => void,
): Promise<{ readonly impostor: Impostor; readonly sessions: Session[] }> {
  const sessions: Session[] = []
  const impostor = await profilerImpostor((stream) => {
    let session: Session | undefined
    stream.on('data', ({ message }) => {
      if (message?.$case === 'open') {
        session = { id: message.value.sessionId, batches: [], stream }
        sessions.push(session)
        play(session, sessions.length, undefined)
      } else if (message?.$case === 'batch' && session !== undefined) {
        session.batches.push(message.value)
        play(session, sessions.indexOf(session) + 1, message.value)
      }
    })
    stream.on('end', () => stream.end())
  })
  cleanups.push(() => impostor.stop())
  return { impostor, sessions }
}

function workerTo({ address }: Impostor, options: WorkerOptions = {}): Worker {
  const worker = createWorker({
    target: address,
    reconnectMinMs: 5,
    reconnectMaxMs: 20,
    batchIntervalMs: 1,
    ...options,
  })
  cleanups.push(() => worker.close(0))
  return worker
}

const ended = (worker: Worker, count: number) => {
  for (let i = 0; i < count; i++) worker.startExecution({ task: 't', executionId: `e${i}` }).end('succeeded')
}
const idsOf = (batches: readonly UsageBatch[]) =>
  batches.flatMap(({ ends }) => ends.map(({ executionId }) => executionId))

test('a profiler that never answers is left for another connection, and loses nothing', async () => {
  const { impostor, sessions } = await playing(({ stream }, nth, batch) => {
    if (nth === 1) return
    stream.write(batch === undefined ? opened(0) : acknowledged(batch.sequence))
  })
  const worker = workerTo(impostor, { acknowledgeTimeoutMs: 100 })
  ended(worker, 3)
  expect(await worker.flush(10_000)).toBe(true)
  expect(sessions[1]?.id).toBe(sessions[0]?.id)
  expect(idsOf(sessions[1]?.batches ?? [])).toEqual(['e0', 'e1', 'e2'])
})

test('one that takes and never acknowledges gets a bounded number of batches, again and again the same', async () => {
  const { impostor, sessions } = await playing(({ stream }, _, batch) => {
    if (batch === undefined) stream.write(opened(0))
  })
  const worker = workerTo(impostor, {
    acknowledgeTimeoutMs: 200,
    maxUnacknowledgedBatches: 4,
    maxBatchBytes: 1,
  })
  ended(worker, 50)
  await eventually(async () => (sessions.length >= 3 ? true : undefined))
  expect(worker.statistics().unacknowledgedBatches).toBe(4)
  for (const { batches } of sessions.slice(0, 2)) {
    expect(batches.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
  }
})

test('a connection that breaks between storing and acknowledging: what is stored is not sent again', async () => {
  const { impostor, sessions } = await playing(({ stream }, nth, batch) => {
    if (nth === 1) {
      if (batch === undefined) stream.write(opened(0))
      else if (batch.sequence === 2) stream.emit('error', { code: status.UNAVAILABLE, details: 'gone' })
    } else stream.write(batch === undefined ? opened(2) : acknowledged(batch.sequence))
  })
  const worker = workerTo(impostor, { maxBatchBytes: 1 })
  ended(worker, 5)
  expect(await worker.flush(10_000)).toBe(true)
  expect(sessions[1]?.batches.map(({ sequence }) => sequence)).toEqual([3, 4, 5])
})

test.each<[string, (stream: UsageStream, batch: UsageBatch | undefined) => void]>([
  ['says it has less than it had said', (stream) => void stream.write(opened(0))],
  ['claims more than was sent', (stream) => void stream.write(opened(1000))],
  [
    'finds a gap',
    (stream) => void stream.emit('error', { code: status.FAILED_PRECONDITION, details: 'gap' }),
  ],
])('one that %s gets a new session that tells all that may be lost', async (_, answer) => {
  const { impostor, sessions } = await playing(({ stream }, nth, batch) => {
    if (nth === 1) {
      if (batch === undefined) stream.write(opened(0))
      else {
        stream.write(acknowledged(batch.sequence))
        setTimeout(() => stream.emit('error', { code: status.UNAVAILABLE, details: 'restarted' }), 20)
      }
    } else if (nth === 2) answer(stream, batch)
    else stream.write(batch === undefined ? opened(0) : acknowledged(batch.sequence))
  })
  const worker = workerTo(impostor)
  const open = worker.startExecution({ task: 't', executionId: 'open' })
  expect(await worker.flush(10_000)).toBe(true)
  await eventually(async () => (worker.statistics().disconnects > 0 ? true : undefined))
  open.end('succeeded')
  expect(await worker.flush(10_000)).toBe(true)
  const last = sessions.at(-1)
  expect(last?.id).not.toBe(sessions[0]?.id)
  expect(last?.batches.map(({ sequence }) => sequence)).toEqual(last?.batches.map((_, i) => i + 1))
  expect(last?.batches.flatMap(({ starts }) => starts.map(({ executionId }) => executionId))).toEqual([
    'open',
  ])
  expect(idsOf(last?.batches ?? [])).toEqual(['open'])
})

test('one that reads nothing more holds the worker back, not its task', async () => {
  const { impostor } = await playing(({ stream }, _, batch) => {
    if (batch === undefined) stream.write(opened(0))
    else stream.pause()
  })
  const worker = workerTo(impostor, { maxSamples: 4000, maxExecutions: 1000 })
  const execution = worker.startExecution({ task: 't', labels: { long: 'x'.repeat(200) } })
  for (let i = 1; i <= 200_000; i++) {
    execution.sample({ elapsedMs: i, memoryBytes: i })
    if (i % 20_000 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const { waitingSamples, unacknowledgedBatches, thinnedSamples } = worker.statistics()
  expect(waitingSamples).toBeLessThanOrEqual(4000)
  expect(unacknowledgedBatches).toBeLessThanOrEqual(16)
  expect(thinnedSamples).toBeGreaterThan(0)
})

test('whoever flushes does not wait for the next attempt: a profiler that is back is found at once', async () => {
  let isBack = false
  const { impostor } = await playing(({ stream }, _, batch) => {
    if (!isBack) stream.emit('error', { code: status.UNAVAILABLE, details: 'away' })
    else stream.write(batch === undefined ? opened(0) : acknowledged(batch.sequence))
  })
  const worker = workerTo(impostor, { reconnectMinMs: 3_600_000, reconnectMaxMs: 3_600_000 })
  ended(worker, 1)
  await eventually(async () => (worker.statistics().disconnects > 0 ? true : undefined))
  isBack = true
  expect(await worker.flush(20_000)).toBe(true)
})

test.each([status.UNAUTHENTICATED, status.UNIMPLEMENTED, status.INTERNAL])(
  'a refusal (%i) is told of and tried again, more and more rarely',
  async (code) => {
    let tries = 0
    const impostor = await profilerImpostor((stream) => {
      tries++
      stream.emit('error', { code, details: 'no' })
    })
    cleanups.push(() => impostor.stop())
    const problems: string[] = []
    const worker = workerTo(impostor, {
      reconnectMinMs: 10,
      reconnectMaxMs: 10_000,
      random: () => 0.99,
      onProblem: (problem) => problems.push(problem.kind),
    })
    ended(worker, 1)
    expect(await worker.flush(400)).toBe(false)
    expect(problems).toContain('disconnected')
    // 10 + 20 + 40 + 80 + 160 ms fit into 400, the next wait does not.
    expect(tries).toBeLessThanOrEqual(6)
    expect(worker.statistics().waitingExecutions + worker.statistics().unacknowledgedBatches).toBe(1)
  },
)
