import { expect, test } from 'vitest'
import { seenRange } from '../../../../services/estimator/domain/strategies/strategy.ts'

test('a prediction may leave the range seen by 0.7, a factor of two, either way', () => {
  const range = seenRange()
  for (const logNeed of [3, 1, 2]) range.observe(logNeed)
  expect([-9, 0.3, 0.31, 2, 3.69, 3.7, 9].map((logNeed) => range.clamp(logNeed))).toEqual(
    [0.3, 0.3, 0.31, 2, 3.69, 3.7, 3.7].map((logNeed) => expect.closeTo(logNeed, 12)),
  )
})
