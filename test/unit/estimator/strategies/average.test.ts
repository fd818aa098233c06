import { expect, test } from 'vitest'
import { average } from '../../../../services/estimator/domain/strategies/average.ts'
import { predictionAfter } from '../../../support/learners.ts'

test('is the mean of the needs, each worth 0.97 of the one after it', () => {
  expect(predictionAfter(average, [])).toBeUndefined()
  expect(predictionAfter(average, [5])).toBe(5)
  expect(predictionAfter(average, [1, 2, 4])).toBeCloseTo(
    (0.97 ** 2 + 0.97 * 2 + 4) / (0.97 ** 2 + 0.97 + 1),
    12,
  )
})
