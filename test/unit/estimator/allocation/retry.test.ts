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

test('nothing failed where there was no attempt before, or nothing is known of what it had', () => {
  const previousAllocation = { memoryBytes: 7 }
  expect(failedAmount({ previousAllocation }, 'memoryBytes')).toBeUndefined()
  const previousOutcome = 'out-of-memory'
  expect(failedAmount({ previousOutcome, previousAllocation: {} }, 'memoryBytes')).toBeUndefined()
  expect(
    failedAmount({ previousOutcome, previousAllocation: { memoryBytes: 0 } }, 'memoryBytes'),
  ).toBeUndefined()
})

test('a retry goes 5 % above the largest need seen where that exceeds what failed', () => {
  expect(retryAmount(200, 100)).toBeCloseTo(210, 9)
  expect(retryAmount(200, 100, 3)).toBeCloseTo(210, 9)
})

test('else 30 % above what failed, and 30 points more at each further failure', () => {
  expect([1, 2, 3].map((failures) => retryAmount(100, 100, failures))).toEqual(
    [130, 160, 190].map((amount) => expect.closeTo(amount, 9)),
  )
  expect(retryAmount(undefined, 100)).toBeCloseTo(130, 9)
})
