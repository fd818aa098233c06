import fc from 'fast-check'
import type { ExecutionRecord, ExecutionStart } from '../../shared/domain/execution.ts'
import { outcomes } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/** An execution that is about to run: what a test does not say is plain. */
export function startOf(executionId: string, given: Partial<ExecutionStart> = {}): ExecutionStart {
  return {
    executionId,
    task: { namespace: 'default', task: 'task' },
    attempt: 1,
    features: {},
    labels: {},
    requested: {},
    allocated: {},
    estimateToken: new Uint8Array(0),
    weight: 1,
    ...given,
  }
}

/** An execution that succeeded with the usage given. */
export function recordOf(
  executionId: string,
  used: Resources = { memoryBytes: 1e9, durationMs: 1000 },
  given: Partial<ExecutionRecord> = {},
): ExecutionRecord {
  return { ...startOf(executionId), used, outcome: 'succeeded', source: 'cgroup', endedAtUnixMs: 0, ...given }
}

/** Histories of one task in which ids repeat. */
export const anyHistory: fc.Arbitrary<readonly ExecutionRecord[]> = fc.array(
  fc
    .record({
      id: fc.integer({ min: 0, max: 30 }),
      memoryBytes: fc.double({ min: 1, max: 1e12, noNaN: true }),
      cpuCores: fc.double({ min: 0, max: 64, noNaN: true }),
      durationMs: fc.double({ min: 1, max: 1e7, noNaN: true }),
      weight: fc.integer({ min: 1, max: 8 }),
      outcome: fc.constantFrom(...outcomes),
    })
    .map(({ id, weight, outcome, ...used }) => recordOf(`execution-${id}`, used, { weight, outcome })),
  { maxLength: 60 },
)
