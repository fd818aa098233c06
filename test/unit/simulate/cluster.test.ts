import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TraceRow } from '../../../cli/evaluate/trace.ts'
import { type ClusterSettings, type Sizer, simulate } from '../../../cli/simulate/cluster.ts'
import { createEventQueue } from '../../../cli/simulate/event-queue.ts'
import { shareUntilKilled } from '../../../cli/simulate/failure.ts'
import { type JobOptions, jobsOf } from '../../../cli/simulate/jobs.ts'
import { oracleSizer, requestSizer } from '../../../cli/simulate/sizers.ts'
import { summarise } from '../../../cli/simulate/summary.ts'

const settings: ClusterSettings = {
  nodes: 1,
  nodeMemoryBytes: 10e9,
  nodeCores: 4,
  timeToFailure: 1,
  maxAttempts: 20,
  lookahead: 64,
  maxPassed: 100,
}
const jobOptions: JobOptions = {
  arrivals: 'trace',
  pressure: undefined,
  nodes: 1,
  nodeMemoryBytes: 10e9,
  nodeCores: 4,
  defaultMemoryBytes: 4e9,
}

const row = (more: Partial<TraceRow> = {}): TraceRow => ({
  task: 'sort',
  submitMs: 0,
  durationMs: 1000,
  peakMemoryBytes: 2e9,
  requestedMemoryBytes: 5e9,
  cpuCores: 1,
  requestedCpuCores: 1,
  completed: true,
  features: {},
  labels: {},
  ...more,
})
const jobs = (rows: readonly TraceRow[], more: Partial<JobOptions> = {}) =>
  jobsOf(rows, { ...jobOptions, ...more }).jobs
const play = (rows: readonly TraceRow[], sizer: Sizer, more: Partial<ClusterSettings> = {}) => {
  const all = { ...settings, ...more }
  const run = simulate(jobs(rows), sizer, all)
  return { run, summary: summarise(sizer.name, run, all) }
}

/** Gives `bytes` at first, twice as much after each kill. */
const fixed = (bytes: number, cpuCores = 1): Sizer => ({
  name: 'fixed',
  size: (_job, _attempt, failed) => ({ memoryBytes: failed === undefined ? bytes : 2 * failed, cpuCores }),
  ended() {},
})

const anyRow = fc
  .record({
    submitMs: fc.integer({ min: 0, max: 5000 }),
    durationMs: fc.integer({ min: 1, max: 3000 }),
    peakMemoryBytes: fc.integer({ min: 1e6, max: 9e9 }),
    requestedMemoryBytes: fc.integer({ min: 1e6, max: 12e9 }),
    requestedCpuCores: fc.integer({ min: 1, max: 6 }),
  })
  .map(row)

describe('events', () => {
  test('come in order of time, those of one time as they were added', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const queue = createEventQueue<number>()
        for (const [i, atMs] of times.entries()) queue.add(atMs, i)
        const taken: number[] = []
        for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next)
        const expected = times.map((_, i) => i).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b)
        expect(taken).toEqual(expected)
      }),
    )
  })
})

describe('a cluster', () => {
  test('by hand: two fit at once by request, four by need, and the queue time is as long as the wait', () => {
    const four = [row(), row(), row(), row()]
    const asked = play(four, requestSizer()).summary
    expect(asked).toMatchObject({ makespanMs: 2000, kills: 0, finished: 4, memoryUsedShare: 0.4 })
    expect(asked.queueMs).toEqual({ mean: 500, p50: 0, p95: 1000 })
    expect(asked.wastedGbHours).toBeCloseTo((4 * 3 * 1) / 3600, 12)
    const known = play(four, oracleSizer(false)).summary
    expect(known).toMatchObject({ makespanMs: 1000, wastedGbHours: 0, memoryUsedShare: 0.8 })
    expect(known.queueMs.mean).toBe(0)
  })

  test('kills what was given too little, after the share of the run that is set, and runs it again', () => {
    const { summary, run } = play([row()], fixed(0.6e9), { timeToFailure: 0.5 })
    expect(run.attempts.map(({ killed, ranMs }) => [killed, ranMs])).toEqual([
      [true, 500],
      [true, 500],
      [false, 1000],
    ])
    expect(summary).toMatchObject({ kills: 2, retries: 2, finished: 1, makespanMs: 2000 })
    expect(summary.wastedGbHours).toBeCloseTo((0.6 * 0.5 + 1.2 * 0.5 + 0.4) / 3600, 12)
  })

  test('gives a job up after its attempts', () => {
    const stubborn: Sizer = { ...fixed(1e9), size: () => ({ memoryBytes: 1e9, cpuCores: 1 }) }
    const { summary } = play([row()], stubborn, { maxAttempts: 3 })
    expect(summary).toMatchObject({ kills: 3, finished: 0, givenUp: 1 })
  })

  test('lets a killed job go before those that came later', () => {
    const big = row({ peakMemoryBytes: 9e9, task: 'big' })
    const { run } = play([big, ...Array.from({ length: 5 }, () => row({ submitMs: 1 }))], fixed(8e9))
    expect(run.attempts.slice(0, 2).map(({ job, attempt }) => [job.row.task, attempt])).toEqual([
      ['big', 1],
      ['big', 2],
    ])
  })

  test('takes longer where a run gets fewer cores than it uses', () => {
    const { summary } = play([row({ cpuCores: 2 })], fixed(5e9, 0.5))
    expect(summary.makespanMs).toBe(4000)
  })

  test('whatever comes: every job ends, nothing is given that is not there, none starts before it came', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 30 }), fc.integer({ min: 1, max: 3 }), (rows, nodes) => {
        for (const sizer of [requestSizer(), oracleSizer(false), fixed(1e9)]) {
          const { run, summary } = play(rows, sizer, { nodes })
          expect(summary.finished + summary.givenUp).toBe(rows.length)
          expect(summary.givenUp).toBe(0)
          for (const { givenBytes, usedBytes } of run.moments) {
            expect(givenBytes).toBeLessThanOrEqual(nodes * 10e9 + 1)
            expect(usedBytes).toBeLessThanOrEqual(givenBytes + 1)
          }
          for (const { startMs, queuedMs, job } of run.attempts) {
            expect(startMs).toBeGreaterThanOrEqual(queuedMs)
            expect(queuedMs).toBeGreaterThanOrEqual(job.submitMs)
          }
          expect(run.moments.at(-1)?.queued ?? 0).toBe(0)
        }
      }),
    )
  })
})

describe('when a run is killed', () => {
  test('as measured: later, the closer to its peak it was given', () => {
    const share = fc.double({ min: 0.001, max: 1, noNaN: true })
    fc.assert(
      fc.property(share, share, (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)]
        const early = shareUntilKilled(less * 5e9, 5e9, 'measured')
        expect(early).toBeLessThanOrEqual(shareUntilKilled(more * 5e9, 5e9, 'measured'))
        expect(early).toBeGreaterThanOrEqual(0)
        expect(early).toBeLessThanOrEqual(1)
      }),
    )
    expect(shareUntilKilled(4e9, 5e9, 'measured')).toBeCloseTo(0.3, 12)
    expect(shareUntilKilled(4e9, 5e9, 0.75)).toBe(0.75)
  })
})

describe('jobs of a trace', () => {
  test('rows that cannot be run are left out and counted', () => {
    const rows = [
      row(),
      row({ completed: false }),
      row({ durationMs: undefined }),
      row({ peakMemoryBytes: 0 }),
      row({ submitMs: undefined }),
      row({ peakMemoryBytes: 11e9 }),
    ]
    expect(jobsOf(rows, jobOptions).leftOut).toEqual({ incomplete: 4, tooLarge: 1 })
    expect(jobs(rows, { arrivals: 'at-once' })).toHaveLength(2)
  })

  test('a request is held to what a node has; a row without one gets the default', () => {
    const [large, none] = jobs([
      row({ requestedMemoryBytes: 99e9, requestedCpuCores: 9 }),
      row({ requestedMemoryBytes: undefined, requestedCpuCores: undefined, cpuCores: 1.2 }),
    ])
    expect(large).toMatchObject({ requestedBytes: 10e9, requestedCores: 4 })
    expect(none).toMatchObject({ requestedBytes: 4e9, requestedCores: 2 })
  })

  test('at a pressure of 2, what is requested while arrivals last is twice what there is', () => {
    const rows = Array.from({ length: 101 }, (_, i) => row({ submitMs: 7e6 + i * i * 100 }))
    const arriving = jobs(rows, { pressure: 2 })
    const spanMs = (arriving.at(-1)?.submitMs ?? 0) - (arriving[0]?.submitMs ?? 0)
    expect((101 * 5e9 * 1000) / (10e9 * spanMs)).toBeCloseTo(2, 9)
    expect(arriving[0]?.submitMs).toBe(0)
  })
})
