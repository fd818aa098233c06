import { expect, test } from 'vitest'
import { maxSeen } from '../../../../services/estimator/domain/strategies/max-seen.ts'
import { predictionAfter } from '../../../support/learners.ts'

test('is the largest need', () => {
  expect(predictionAfter(maxSeen, [])).toBeUndefined()
  expect(predictionAfter(maxSeen, [3, 9, 1])).toBe(9)
})
