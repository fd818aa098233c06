import { expect, test } from 'vitest'
import { seenRange } from '../../../../services/estimator/domain/strategies/strategy.ts'

test('a prediction may leave the range seen by 0.7, a factor of two, either way', () => {
  const range = seenRange()
  for (const logNeed of [3, 1, 2]) range.observe(logNeed)
  expect(range.lowest()).toBeCloseTo(0.3, 12)
  expect(range.highest()).toBeCloseTo(3.7, 12)
})
