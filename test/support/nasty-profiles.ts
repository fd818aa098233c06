import fc from 'fast-check'
import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import { type ExecutionRecord, outcomes } from '../../shared/domain/execution.ts'
import { execution } from './histories.ts'

/** What real histories hold and no formula likes: zeros, 10¹⁵ bytes, a millionfold outlier, features that come and go. */
const memoryBytes = fc.oneof(
  { arbitrary: fc.double({ min: 0.9e9, max: 1.1e9, noNaN: true }), weight: 6 },
  { arbitrary: fc.constantFrom(0, 1, 1e3, 1e9, 1e15), weight: 2 },
  { arbitrary: fc.double({ min: 0, max: 1e15, noNaN: true }), weight: 1 },
)

const features = fc.dictionary(
  fc.constantFrom('input_bytes', 'samples', 'reads'),
  fc.oneof(fc.constantFrom(0, -1, 1e6, 1e300), fc.double({ min: 0, max: 1e12, noNaN: true })),
  { noNullPrototype: true },
)

const labels = fc.dictionary(fc.constantFrom('tool', 'genome'), fc.constantFrom('', 'a', 'b'), {
  noNullPrototype: true,
})

const resources = fc.record(
  {
    memoryBytes,
    durationMs: fc.constantFrom(0, 1, 60_000, 1e12),
    cpuCores: fc.constantFrom(0, 0.001, 1, 1e6),
    gpuMemoryBytes: fc.constantFrom(0, 1e9),
  },
  { requiredKeys: [], noNullPrototype: true },
)

const anyExecution = fc.record({
  features,
  labels,
  requested: resources,
  allocated: resources,
  used: resources,
  outcome: fc.oneof(
    { arbitrary: fc.constant('succeeded' as const), weight: 5 },
    fc.constantFrom(...outcomes),
  ),
  attempt: fc.integer({ min: 1, max: 3 }),
})

/** Any one of such executions. */
export const nastyExecution: fc.Arbitrary<ExecutionRecord> = anyExecution.map((more) =>
  execution('nasty', more),
)

/** One to a buffer full of executions of one task; sometimes all the same, sometimes with one outlier. */
export const nastyHistory: fc.Arbitrary<readonly ExecutionRecord[]> = fc
  .oneof(
    fc.array(anyExecution, { minLength: 1, maxLength: 40 }),
    fc.tuple(anyExecution, fc.integer({ min: 1, max: 96 })).map(([one, count]) => Array(count).fill(one)),
    fc.integer({ min: 2, max: 60 }).map((count) =>
      Array.from({ length: count }, (_, i) => ({
        used: { memoryBytes: i === count - 2 ? 1e15 : 1e9, durationMs: 1000 },
        outcome: 'succeeded' as const,
      })),
    ),
  )
  .map((executions) => executions.map((more, i) => execution(`nasty-${i}`, more)))

export const nastyQuery: fc.Arbitrary<EstimateQuery> = fc.record({
  task: fc.constant({ namespace: 'default', task: 'demo/task' }),
  features,
  labels,
  requested: resources,
  attempt: fc.integer({ min: 1, max: 5 }),
  previousAllocation: resources,
  previousOutcome: fc.constantFrom(undefined, 'out-of-memory', 'timed-out', 'evicted', 'failed'),
  policy: fc.record(
    {
      risk: fc.double({ min: 0, max: 1, noNaN: true }),
      targetCoverage: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      max: fc.record({ memoryBytes: fc.constantFrom(1e6, 1e9, 1e15) }, { noNullPrototype: true }),
      min: fc.record({ memoryBytes: fc.constantFrom(0, 1e6) }, { noNullPrototype: true }),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
  executionId: fc.constantFrom('', 'x'),
})
