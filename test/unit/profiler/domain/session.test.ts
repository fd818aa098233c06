import fc from 'fast-check'
import { expect, test } from 'vitest'
import { firstLeaseEnd, firstLeaseEndAfter } from '../../../../services/profiler/domain/lease-end.ts'
import {
  applyBatch,
  type Batch,
  closeSilent,
  newSession,
  type Session,
} from '../../../../services/profiler/domain/session.ts'
import {
  addSamples,
  noUsage,
  type SampleColumns,
  usageOf,
} from '../../../../services/profiler/domain/usage.ts'
import { resourceLimits } from '../../../../shared/domain/resources.ts'
import { startOf } from '../../../support/executions.ts'
import { sessionAfter } from '../../../support/sessions.ts'

const now = 1_800_000_000_000
const limits = {
  maxOpenExecutionsPerSession: 3,
  refuseOpen: () => undefined,
  refuseNamespace: () => undefined,
}

const columns = (given: Partial<SampleColumns>): SampleColumns => ({
  elapsedDeltaMs: [],
  cpuCores: [],
  memoryBytes: [],
  diskBytes: [],
  gpuMemoryBytes: [],
  ...given,
})
const start = (executionId: string, leaseMs = 1000) => ({
  start: startOf(executionId),
  leaseMs,
  path: 'starts[0]',
})
const samples = (executionId: string, given: Partial<SampleColumns>) => ({
  executionId,
  columns: columns(given),
  path: 'samples[0]',
})
const end = (executionId: string, used = {}) => ({
  executionId,
  outcome: 'succeeded' as const,
  used,
  source: 'unknown' as const,
  path: 'ends[0]',
})
const batch = (given: Partial<Batch>): Batch => ({ sequence: 1, starts: [], samples: [], ends: [], ...given })
function apply(before: Session, given: Partial<Batch>, at = now) {
  const applied = applyBatch(before, batch(given), at, limits)
  return { ...applied, session: sessionAfter(before, applied) }
}
function close(before: Session, nowUnixMs: number, aliveSinceUnixMs: number, atMost: number) {
  const applied = closeSilent(before, nowUnixMs, aliveSinceUnixMs, atMost)
  return { ...applied, session: sessionAfter(before, applied) }
}

test('one batch may start, sample and end an execution', () => {
  const { session, finished } = apply(newSession(now), {
    starts: [start('a')],
    samples: [samples('a', { elapsedDeltaMs: [100, 300], cpuCores: [1, 3], memoryBytes: [7, 5] })],
    ends: [end('a')],
  })
  expect(session.open.size).toBe(0)
  expect(finished).toHaveLength(1)
  expect(finished[0]).toMatchObject({
    executionId: 'a',
    outcome: 'succeeded',
    source: 'sampled',
    used: { cpuCores: 2.5, memoryBytes: 7, durationMs: 400 },
  })
})

test('an id that is open is of one task: its start for another is refused, a repeat of it is not', () => {
  const opened = apply(newSession(now), { starts: [start('a')] }).session
  const other = { ...start('a'), start: { ...startOf('a'), task: { namespace: 'default', task: 'other' } } }
  const { session, rejections } = apply(opened, { starts: [start('a'), other], ends: [end('a')] })
  expect(rejections).toMatchObject([{ executionId: 'a', violations: [{ field: 'starts[0].task' }] }])
  expect(apply(session, { starts: [other] })).toMatchObject({ rejections: [], started: [other.start] })
})

test('exact totals win over samples, field by field', () => {
  const { finished } = apply(newSession(now), {
    starts: [start('a')],
    samples: [samples('a', { elapsedDeltaMs: [100], memoryBytes: [7], diskBytes: [3] })],
    ends: [end('a', { memoryBytes: 70 })],
  })
  expect(finished[0]?.used).toEqual({ memoryBytes: 70, diskBytes: 3, durationMs: 100 })
})

test('an execution without samples or totals has no usage, not zero', () => {
  const { finished } = apply(newSession(now), { starts: [start('a')], ends: [end('a')] })
  expect(Object.values(finished[0]?.used ?? {}).filter((value) => value !== undefined)).toEqual([])
})

test('the session given is not changed', () => {
  const before = apply(newSession(now), { starts: [start('a')] }).session
  const copy = structuredClone(before)
  apply(before, { sequence: 2, samples: [samples('a', { elapsedDeltaMs: [5] })], ends: [end('a')] })
  expect(before).toEqual(copy)
})

test('a start that repeats is ignored, and the execution goes on', () => {
  const first = apply(newSession(now), {
    starts: [start('a')],
    samples: [samples('a', { elapsedDeltaMs: [5], memoryBytes: [9] })],
  }).session
  const { session, rejections } = apply(first, { sequence: 2, starts: [start('a')] })
  expect(rejections).toEqual([])
  expect(session.open.get('a')?.totals.peak.memoryBytes).toBe(9)
})

test('what ends as it begins is not held to the limits of what is open, but to that of namespaces', () => {
  const full = { ...limits, maxOpenExecutionsPerSession: 0, refuseOpen: () => 'full' }
  const taken = applyBatch(newSession(now), batch({ starts: [start('a')], ends: [end('a')] }), now, full)
  const closed = { ...limits, refuseNamespace: () => 'too many namespaces' }
  const refused = applyBatch(newSession(now), batch({ starts: [start('a')], ends: [end('a')] }), now, closed)

  expect(taken.finished).toHaveLength(1)
  expect(refused.finished).toEqual([])
  expect(refused.rejections[0]?.violations[0]?.description).toBe('too many namespaces')
})

test('events of what is not open are refused by name and all else is taken', () => {
  const { session, rejections } = apply(newSession(now), {
    starts: [start('a')],
    samples: [samples('b', { elapsedDeltaMs: [5] })],
    ends: [end('c')],
  })
  expect(session.open.has('a')).toBe(true)
  expect(rejections.map(({ executionId, violations }) => [executionId, violations[0]?.field])).toEqual([
    ['b', 'samples[0].execution_id'],
    ['c', 'ends[0].execution_id'],
  ])
})

test('no more executions are open than may be', () => {
  const { session, rejections } = apply(newSession(now), {
    starts: ['a', 'b', 'c', 'd'].map((id) => start(id)),
  })
  expect([...session.open.keys()]).toEqual(['a', 'b', 'c'])
  expect(rejections.map(({ executionId }) => executionId)).toEqual(['d'])
})

test('samples that claim a longer run than any are refused', () => {
  const opened = apply(newSession(now), { starts: [start('a')] }).session
  const mad = new Array(300).fill(4_294_967_295)
  const { session, rejections } = apply(opened, { samples: [samples('a', { elapsedDeltaMs: mad })] })
  expect(rejections[0]?.violations[0]?.field).toBe('samples[0].elapsed_delta_ms')
  expect(session.open.get('a')?.totals).toEqual(noUsage)
})

test('splitting samples over batches gives the same usage', () => {
  const sample = fc.record({
    deltaMs: fc.integer({ min: 0, max: 10_000 }),
    cpuCores: fc.integer({ min: 0, max: 64 }),
    memoryBytes: fc.integer({ min: 0, max: 2 ** 40 }),
  })
  const toColumns = (list: readonly { deltaMs: number; cpuCores: number; memoryBytes: number }[]) =>
    columns({
      elapsedDeltaMs: list.map(({ deltaMs }) => deltaMs),
      cpuCores: list.map(({ cpuCores }) => cpuCores),
      memoryBytes: list.map(({ memoryBytes }) => memoryBytes),
    })
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 50 }), fc.nat(50), (list, cut) => {
      const halves = [list.slice(0, cut), list.slice(cut)].filter((half) => half.length > 0)
      const split = halves.reduce((totals, half) => addSamples(totals, toColumns(half)), noUsage)
      expect(usageOf(split)).toEqual(usageOf(addSamples(noUsage, toColumns(list))))
    }),
  )
})

test('what is silent beyond its lease is lost; what reported meanwhile is not', () => {
  let session = apply(newSession(now), {
    starts: [start('silent'), start('reporting'), start('patient', 10_000)],
  }).session
  session = apply(
    session,
    { sequence: 2, samples: [samples('reporting', { elapsedDeltaMs: [5] })] },
    now + 900,
  ).session
  const { session: after, finished } = close(session, now + 1000, 0, 10)
  expect(finished.map(({ executionId, outcome }) => [executionId, outcome])).toEqual([['silent', 'lost']])
  expect([...after.open.keys()]).toEqual(['reporting', 'patient'])
})

test('no more is closed at once than may be: what is left is silent still', () => {
  const { session } = apply(newSession(now), { starts: ['a', 'b', 'c'].map((id) => start(id)) })
  const { session: after, finished } = close(session, now + 1000, 0, 2)
  expect(finished.map(({ executionId }) => executionId)).toEqual(['a', 'b'])
  expect([...after.open.keys()]).toEqual(['c'])
  expect(firstLeaseEnd(after.open).unixMs).toBe(now + 1000)
})

test('silence counts only from when somebody could hear', () => {
  const { session } = apply(newSession(now), { starts: [start('a')] })
  const restarted = now + 50_000
  const { session: after, finished } = close(session, restarted + 10, restarted, 10)
  expect(finished).toEqual([])
  expect(firstLeaseEnd(after.open).unixMs).toBe(restarted + 1000)
})

const ids = fc.subarray(['a', 'b', 'c', 'd', 'e', 'f'])
const steps = fc.array(
  fc.record({ starts: ids, samples: ids, ends: ids, leaseMs: fc.integer({ min: 1, max: 50 }) }),
)

test('the first lease never ends before it is known to, nor later once as many have changed as are open', () => {
  fc.assert(
    fc.property(steps, (all) => {
      let session = newSession(now)
      let known = firstLeaseEnd(session.open)
      for (const [i, { starts, samples: sampled, ends, leaseMs }] of all.entries()) {
        const given = {
          starts: starts.map((id) => start(id, leaseMs)),
          samples: sampled.map((id) => samples(id, { elapsedDeltaMs: [1] })),
          ends: ends.map((id) => end(id)),
        }
        const roomy = { ...limits, maxOpenExecutionsPerSession: 6 }
        const applied = applyBatch(session, batch(given), now + i, roomy)
        session = sessionAfter(session, applied)
        known = firstLeaseEndAfter(known, applied.changes, session.open)
        const { unixMs } = firstLeaseEnd(session.open)
        expect(known.unixMs).toBeLessThanOrEqual(unixMs)
        if (known.changed === 0) expect(known.unixMs).toBe(unixMs)
        expect(known.changed).toBeLessThan(Math.max(1, session.open.size))
      }
    }),
  )
})

test.each([
  ['cgroup', [5], 'cgroup'],
  ['unknown', [5], 'sampled'],
  ['unknown', [], 'unknown'],
] as const)(
  'a run that ends as measured by %s after samples %j was measured by %s',
  (source, deltas, found) => {
    const { finished } = apply(newSession(now), {
      starts: [start('a')],
      samples: [samples('a', { elapsedDeltaMs: deltas })],
      ends: [{ ...end('a'), source }],
    })
    expect(finished[0]?.source).toBe(found)
  },
)

test('a refusal says where and why', () => {
  const full = applyBatch(
    newSession(now),
    batch({ starts: ['a', 'b', 'c', 'd'].map((id) => start(id)) }),
    now,
    limits,
  )
  expect(full.rejections).toEqual([
    {
      executionId: 'd',
      violations: [
        {
          field: 'starts[0].execution_id',
          description: 'the session has 3 executions open, as many as it may',
        },
      ],
    },
  ])
  const { rejections } = apply(newSession(now), { ends: [end('x')] })
  expect(rejections[0]?.violations[0]?.description).toMatch(/not open in this session/)
  const opened = apply(newSession(now), { starts: [start('a')] }).session
  const other = { ...start('a'), start: { ...startOf('a'), task: { namespace: 'default', task: 'other' } } }
  expect(apply(opened, { starts: [other] }).rejections[0]?.violations[0]?.description).toMatch(/opened for/)
})

test('what ends in its batch takes no room from what stays open', () => {
  const { session, started, opened, closed, finished } = apply(newSession(now), {
    starts: ['brief', 'a', 'b', 'c'].map((id) => start(id)),
    ends: [end('brief')],
  })
  const ids = (of: readonly { readonly executionId: string }[]) => of.map(({ executionId }) => executionId)
  expect([...session.open.keys()]).toEqual(['a', 'b', 'c'])
  expect(ids(started)).toEqual(['brief', 'a', 'b', 'c'])
  expect(ids(opened)).toEqual(['a', 'b', 'c'])
  expect(ids(finished)).toEqual(['brief'])
  expect(closed).toEqual([])
  const next = apply(session, { ends: [end('b')] })
  expect([ids(next.opened), ids(next.closed), ids(next.finished)]).toEqual([[], ['b'], ['b']])
})

test('a run may be as long as any, and not longer', () => {
  const opened = apply(newSession(now), { starts: [start('a')] }).session
  const longest = { samples: [samples('a', { elapsedDeltaMs: [resourceLimits.durationMs] })] }
  const { session, rejections } = apply(opened, longest)
  expect(rejections).toEqual([])
  const more = apply(session, { samples: [samples('a', { elapsedDeltaMs: [1] })] })
  expect(more.rejections[0]?.violations).toEqual([
    { field: 'samples[0].elapsed_delta_ms', description: 'must add up to at most 1000000000000' },
  ])
})

test('a batch changes the executions that it speaks of, of however many', () => {
  const many = Array.from({ length: 500 }, (_, i) => `e${i}`)
  const roomy = { ...limits, maxOpenExecutionsPerSession: 1000 }
  const begun = applyBatch(newSession(now), batch({ starts: many.map((id) => start(id)) }), now, roomy)
  const open = sessionAfter(newSession(now), begun)
  const { changes } = apply(open, {
    samples: [samples('e7', { elapsedDeltaMs: [5] })],
    ends: [end('e9')],
  })
  expect([...changes.keys()]).toEqual(['e7', 'e9'])
})

test('closing what is silent starts and refuses nothing; what was lost keeps what was sampled', () => {
  const opened = apply(newSession(now), {
    starts: [start('a'), start('b')],
    samples: [samples('a', { elapsedDeltaMs: [5], memoryBytes: [9] })],
  }).session
  const closed = close(opened, now + 1000, 0, 10)
  expect(closed).toMatchObject({ started: [], rejections: [] })
  expect(closed.finished).toMatchObject([
    { executionId: 'a', outcome: 'lost', source: 'sampled', used: { memoryBytes: 9 } },
    { executionId: 'b', outcome: 'lost', source: 'unknown' },
  ])
})
