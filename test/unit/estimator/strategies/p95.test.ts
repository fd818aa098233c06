import { expect, test } from 'vitest'
import { p95 } from '../../../../services/estimator/domain/strategies/p95.ts'
import { predictionAfter } from '../../../support/learners.ts'

test('is the 95th percentile, linear between the needs in order', () => {
  expect(predictionAfter(p95, [])).toBeUndefined()
  expect(predictionAfter(p95, [7])).toBe(7)
  expect(predictionAfter(p95, [20, 10])).toBeCloseTo(19.5, 12)
  // 0.95 × 20 = 19: the twentieth of 21.
  const needs = Array.from({ length: 21 }, (_, i) => 1 + ((i * 8) % 21))
  expect(predictionAfter(p95, needs)).toBe(20)
  // 0.95 × 4 = 3.8
  expect(predictionAfter(p95, [30, 10, 50, 20, 40])).toBeCloseTo(48, 12)
})
