import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TraceRow } from '../../../cli/evaluate/trace.ts'
import { simulate } from '../../../cli/simulate/cluster.ts'
import { defaultCluster } from '../../../cli/simulate/default-cluster.ts'
import { jobsOf } from '../../../cli/simulate/jobs.ts'
import { oracleSizer, requestSizer } from '../../../cli/simulate/sizers.ts'
import { summarise } from '../../../cli/simulate/summary.ts'
import { randomOf } from '../../support/random.ts'

const gibibyte = 2 ** 30

/** Requests of four times the need; `cores` of each. */
function history(rows: number, { cores = 1, arrivalMs = 1000 } = {}): TraceRow[] {
  const random = randomOf(7)
  return Array.from({ length: rows }, (_, i) => {
    const peakMemoryBytes = (0.5 + random()) * gibibyte
    return {
      task: 'sort',
      submitMs: i * arrivalMs,
      durationMs: 30_000 + 60_000 * random(),
      peakMemoryBytes,
      requestedMemoryBytes: 4 * peakMemoryBytes,
      cpuCores: cores / 2,
      requestedCpuCores: cores,
      completed: true,
      features: {},
      labels: {},
    }
  })
}
const trace = { arrivals: 'trace', defaultMemoryBytes: 4 * gibibyte } as const

test.each([
  ['few cores, arriving', history(600), 'trace'],
  ['many cores, arriving', history(600, { cores: 16 }), 'trace'],
  ['all at once', history(600), 'at-once'],
] as const)(
  'memory is what is short, and sizing it to the need more than halves the wait: %s',
  (_, rows, arrivals) => {
    const options = { ...trace, arrivals }
    const cluster = defaultCluster(rows, options, {})
    const { jobs, leftOut } = jobsOf(rows, { ...options, ...cluster, pressure: undefined })
    expect(leftOut.tooLarge).toBe(0)
    const settings = { ...cluster, timeToFailure: 1, maxAttempts: 20, lookahead: 64, maxPassed: 100 } as const
    const [requests, oracle] = [requestSizer(), oracleSizer(false)].map((sizer) =>
      summarise(sizer.name, simulate(jobs, sizer, settings), settings),
    )
    expect(requests?.memoryGivenShare).toBeGreaterThan(0.7)
    expect(oracle?.queueMs.mean).toBeLessThan(0.5 * (requests?.queueMs.mean ?? 0))
    expect(oracle?.makespanMs).toBeLessThan(0.7 * (requests?.makespanMs ?? 0))
  },
)

test('what is given stays, and what is drawn beside it holds the largest execution', () => {
  const rows = history(50)
  const largestBytes = Math.max(...rows.map((row) => row.requestedMemoryBytes ?? 0))
  expect(defaultCluster(rows, trace, { nodes: 7, nodeMemoryBytes: 5e9, nodeCores: 3 })).toEqual({
    nodes: 7,
    nodeMemoryBytes: 5e9,
    nodeCores: 3,
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), (nodes) => {
      const drawn = defaultCluster(rows, trace, { nodes })
      expect(drawn.nodes).toBe(nodes)
      expect(drawn.nodeMemoryBytes).toBeGreaterThanOrEqual(largestBytes)
    }),
  )
})

test('a history of nothing has a cluster all the same', () => {
  expect(defaultCluster([], trace, {})).toEqual({ nodes: 1, nodeMemoryBytes: gibibyte, nodeCores: 1 })
})
