import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ExecutionStart } from '../../../shared/wire/gen/foresize/v1/execution.ts'
import { ExecutionEnd } from '../../../shared/wire/gen/foresize/v1/execution.ts'
import type { UsageBatch } from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { createSpool, type Spool, type SpoolOptions } from '../../../workers/typescript/spool.ts'

const start = (executionId: string, labels: Record<string, string> = {}): ExecutionStart => ({
  executionId,
  task: { namespace: 'default', task: 't' },
  attempt: 1,
  features: {},
  labels,
  estimateToken: Buffer.alloc(0),
  weight: 1,
  leaseMs: 0,
})
const end = (executionId: string) => ExecutionEnd.fromPartial({ executionId, outcome: 1 })

const drain = (spool: Spool): UsageBatch[] => {
  const batches: UsageBatch[] = []
  for (let batch = spool.nextBatch(); batch !== undefined; batch = spool.nextBatch()) batches.push(batch)
  return batches
}

type Step =
  | { readonly kind: 'start' | 'sample' | 'end'; readonly id: string }
  | { readonly kind: 'batch' | 'acknowledge' | 'restart' }

const step = fc.oneof(
  fc.record({
    kind: fc.constantFrom('start' as const, 'sample' as const, 'end' as const),
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  }),
  fc.record({ kind: fc.constantFrom('batch' as const, 'acknowledge' as const, 'restart' as const) }),
)

/** A server with the session's rules: in order, repeats ignored, and after a restart it knows nothing any more. */
function modelServer() {
  let durable = 0
  const started = new Set<string>()
  const ended = new Set<string>()
  return {
    ended,
    receive(batches: readonly UsageBatch[]): number {
      for (const { sequence, starts, samples, ends } of batches) {
        if (sequence <= durable) continue
        expect(sequence).toBe(durable + 1)
        durable = sequence
        for (const { executionId } of starts) started.add(executionId)
        for (const { executionId } of samples) expect(started.has(executionId)).toBe(true)
        for (const { executionId } of ends) {
          expect(started.has(executionId)).toBe(true)
          ended.add(executionId)
        }
      }
      return durable
    },
    forget() {
      durable = 0
      started.clear()
    },
  }
}

test('whatever happens in between, every end that was taken arrives, behind its start', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(1, 300, 1e6),
      (steps: Step[], maxBatchBytes) => {
        const spool = createSpool({ maxBatchBytes })
        const server = modelServer()
        const live = new Set<string>()
        const expected = new Set<string>()
        let time = 0
        let generation = 0
        for (const each of steps) {
          time++
          if (each.kind === 'batch') spool.nextBatch()
          else if (each.kind === 'acknowledge')
            expect(spool.acknowledge(server.receive(spool.unacknowledged()))).toBe(true)
          else if (each.kind === 'restart') {
            server.forget()
            spool.restart()
          } else if (each.kind === 'start') {
            if (!live.has(each.id) && spool.start(start(`${each.id}${++generation}`))) {
              live.add(each.id)
              expected.add(`${each.id}${generation}`)
            }
          }
          for (const id of expected) {
            if (each.kind === 'sample' && id.startsWith(each.id))
              spool.sample(id, { elapsedMs: time, memoryBytes: time })
            if (each.kind === 'end' && id.startsWith(each.id)) {
              spool.end(end(id))
              live.delete(each.id)
            }
          }
        }
        for (const id of expected) spool.end(end(id))
        drain(spool)
        expect(spool.acknowledge(server.receive(spool.unacknowledged()))).toBe(true)
        expect(server.ended).toEqual(expected)
        expect(spool.size()).toMatchObject({ waitingExecutions: 0, waitingSamples: 0, executions: 0 })
      },
    ),
  )
})

test('samples are thinned before any is lost, and the peak survives', () => {
  const spool = createSpool({ maxSamples: 100, maxExecutions: 10 })
  spool.start(start('a'))
  for (let i = 1; i <= 10_000; i++) spool.sample('a', { elapsedMs: i, memoryBytes: i === 5000 ? 1e9 : 1 })
  expect(spool.size().waitingSamples).toBeLessThanOrEqual(100)
  expect(spool.size().thinnedSamples).toBeGreaterThan(9000)
  const [batch] = drain(spool)
  expect(Math.max(...(batch?.samples[0]?.memoryBytes ?? []))).toBe(1e9)
})

test('a full spool takes no new execution, and goes on taking ends', () => {
  const spool = createSpool({ maxExecutions: 2 })
  expect([spool.start(start('a')), spool.start(start('b')), spool.start(start('c'))]).toEqual([
    true,
    true,
    false,
  ])
  spool.end(end('a'))
  drain(spool)
  expect(spool.start(start('c'))).toBe(false)
  spool.acknowledge(1)
  expect(spool.start(start('c'))).toBe(true)
})

test.each<[string, SpoolOptions, number]>([
  ['the contract allows 1000 events', {}, 1000],
  ['bytes allow fewer', { maxBatchBytes: 20_000 }, 80],
])('a batch is held small: %s', (_, options, most) => {
  const spool = createSpool(options)
  for (let i = 0; i < 2500; i++) {
    spool.start(start(`e${i}`))
    spool.end(end(`e${i}`))
  }
  const batches = drain(spool)
  expect(Math.max(...batches.map(({ starts }) => starts.length))).toBeLessThanOrEqual(most)
  expect(batches.reduce((sum, { starts }) => sum + starts.length, 0)).toBe(2500)
})

test('no more executions are open at the server than it keeps', () => {
  const spool = createSpool()
  for (let i = 0; i < 2500; i++) spool.start(start(`e${i}`))
  expect(drain(spool).map(({ starts }) => starts.length)).toEqual([1000])
  spool.end(end('e0'))
  spool.end(end('e2400'))
  // One that has ended meanwhile needs no place, and one place was free.
  const started = drain(spool).flatMap(({ starts }) => starts.map(({ executionId }) => executionId))
  expect(started).toEqual(['e2400', 'e1000'])
  for (let i = 0; i < 2500; i++) spool.end(end(`e${i}`))
  expect(drain(spool).flatMap(({ ends }) => ends)).toHaveLength(2498)
})

test('after a restart sample times count from the start of their execution again', () => {
  const spool = createSpool()
  spool.start(start('a'))
  spool.sample('a', { elapsedMs: 100 })
  spool.start(start('b'))
  spool.sample('b', { elapsedMs: 70 })
  drain(spool)
  spool.acknowledge(1)
  spool.sample('a', { elapsedMs: 150 })
  drain(spool)
  spool.restart()
  spool.sample('b', { elapsedMs: 90 })
  const waiting = drain(spool).flatMap(({ samples }) => samples)
  const again = spool.unacknowledged().flatMap(({ samples }) => samples)
  expect(again.map(({ elapsedDeltaMs }) => elapsedDeltaMs)).toEqual([[150], [90]])
  expect(waiting).toEqual(again.slice(1))
})

test('a server that knows more than was sent, or less than it had said, is not this session', () => {
  const spool = createSpool()
  spool.start(start('a'))
  spool.nextBatch()
  expect(spool.acknowledge(2)).toBe(false)
  expect(spool.acknowledge(1)).toBe(true)
  expect(spool.acknowledge(0)).toBe(false)
})
