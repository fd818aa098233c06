import { expect, test } from 'vitest'
import { constant } from '../../../../services/estimator/domain/strategies/constant.ts'
import { predictionAfter } from '../../../support/learners.ts'

test('is always the first need', () => {
  expect(predictionAfter(constant, [])).toBeUndefined()
  expect(predictionAfter(constant, [3, 9, 1])).toBe(3)
})
