import { expect, test } from 'vitest'
import { exponentialSmoothing } from '../../../../services/estimator/domain/strategies/exponential-smoothing.ts'
import { predictionAfter } from '../../../support/learners.ts'

test('goes three tenths of the way to each need, on a log scale', () => {
  expect(predictionAfter(exponentialSmoothing, [])).toBeUndefined()
  expect(predictionAfter(exponentialSmoothing, [7])).toBeCloseTo(7, 12)
  expect(predictionAfter(exponentialSmoothing, [1, 10])).toBeCloseTo(10 ** 0.3, 12)
  // 0.3 + 0.3 × (2 − 0.3) decades
  expect(predictionAfter(exponentialSmoothing, [1, 10, 100])).toBeCloseTo(10 ** 0.81, 12)
})
