import { expect, test } from 'vitest'
import { leastSquares } from '../../../../services/estimator/domain/strategies/least-squares.ts'

test('columns that say the same share it, and one that is absent counts as average', () => {
  const fit = leastSquares(3, 0.01)
  for (let i = 0; i < 40; i++) fit.observe([i, i, undefined], 3 * i)

  expect(fit.predict([10, 10, undefined])).toBeCloseTo(30, 1)
  expect(fit.predict([undefined, undefined, 5])).toBeCloseTo(fit.mean() as number, 9)
})
