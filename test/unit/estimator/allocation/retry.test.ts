import { expect, test } from 'vitest'
import { failedAmount, retryAmount } from '../../../../services/estimator/domain/allocation/retry.ts'
import type { Outcome } from '../../../../shared/domain/execution.ts'

test.each<[Outcome, 'memoryBytes' | 'durationMs', boolean]>([
  ['out-of-memory', 'memoryBytes', true],
  ['out-of-memory', 'durationMs', false],
  ['timed-out', 'durationMs', true],
  ['timed-out', 'memoryBytes', false],
  ['failed', 'memoryBytes', false],
  ['evicted', 'memoryBytes', false],
  ['cancelled', 'durationMs', false],
  ['lost', 'memoryBytes', false],
])('after %s a retry exceeds what failed in %s: %s', (previousOutcome, dimension, raises) => {
  const previousAllocation = { memoryBytes: 7, durationMs: 7 }

  expect(failedAmount({ previousOutcome, previousAllocation }, dimension)).toBe(raises ? 7 : undefined)
})

test('after a failure comes the largest need seen, and beyond it ever longer steps', () => {
  expect(retryAmount(8, 4)).toBeCloseTo(8.4, 12)
  const steps = [1, 2, 3].map((failures) => retryAmount(8, 10, failures) / 10)
  expect(steps).toEqual([...steps].sort((a, b) => a - b))
  expect(steps[0]).toBeGreaterThan(1)
})
