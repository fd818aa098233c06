import { expect, test } from 'vitest'
import { columnRegressions } from '../../../../services/estimator/domain/strategies/column-regressions.ts'

test('holds the moments of each column with the need, over the executions that have it', () => {
  const fits = columnRegressions()
  fits.observe([1, undefined], 10)
  fits.observe([3, 7], 20)
  fits.observe([undefined, 9], 40)

  expect(fits.at(0)).toEqual({ count: 2, meanX: 2, meanY: 15, squaresX: 2, squaresY: 50, products: 10 })
  expect(fits.at(1)).toEqual({ count: 2, meanX: 8, meanY: 30, squaresX: 2, squaresY: 200, products: 20 })
  expect(fits.at(2)).toBeUndefined()
})
