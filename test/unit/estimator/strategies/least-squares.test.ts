import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leastSquares } from '../../../../services/estimator/domain/strategies/least-squares.ts'
import { predicted } from '../../../support/least-squares.ts'

test('columns that say the same share it, and one that is absent counts as average', () => {
  const fit = leastSquares(3, 0.01)
  for (let i = 0; i < 40; i++) fit.observe([i, i, undefined], 3 * i)

  expect(predicted(fit, [10, 10, undefined])).toBeCloseTo(30, 1)
  expect(predicted(fit, [undefined, undefined, 5])).toBeCloseTo(fit.mean() as number, 9)
})

test('with one column is the line of slope sxy / (sxx · (1 + ridge / n))', () => {
  const fit = leastSquares(1, 4)
  for (const [x, y] of [
    [1, 10],
    [2, 30],
    [3, 20],
    [6, 40],
  ] as const)
    fit.observe([x], y)
  // x̄ = 3, ȳ = 25, sxx = 14, sxy = 70
  expect(fit.mean()).toBe(25)
  expect(predicted(fit, [3])).toBeCloseTo(25, 12)
  expect(predicted(fit, [5])).toBeCloseTo(25 + (2 * 70) / (14 * 2), 12)
})

test('solves the normal equations of standardised columns, with ridge / n on the diagonal', () => {
  const anyRow = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 5, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(anyRow, { minLength: 12, maxLength: 20 }), (rows) => {
      const [columns, ridge, n] = [4, 2, rows.length]
      const fit = leastSquares(columns, ridge)
      for (const row of rows) fit.observe(row.slice(0, columns), row[columns] as number)
      const means = Array.from({ length: 5 }, (_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / n)
      const product = (i: number, j: number) =>
        rows.reduce(
          (sum, row) => sum + ((row[i] ?? 0) - (means[i] ?? 0)) * ((row[j] ?? 0) - (means[j] ?? 0)),
          0,
        )
      const slopes = Array.from({ length: columns }, (_, i) => {
        const xs = means.slice(0, columns)
        xs[i] = (xs[i] ?? 0) + 1
        return predicted(fit, xs) - (means[columns] ?? 0)
      })
      fc.pre(slopes.every((_, i) => product(i, i) > 1e-3))
      for (let i = 0; i < columns; i++) {
        const left = slopes.reduce((sum, slope, j) => sum + slope * product(i, j), 0)
        const regularised = left + (ridge / n) * product(i, i) * (slopes[i] ?? 0)
        expect(regularised).toBeCloseTo(product(i, columns), 6)
      }
    }),
  )
})

test('a column counts from its third appearance on, if it varies by more than rounding', () => {
  const fit = leastSquares(2, 1)
  expect(fit.mean()).toBeUndefined()
  expect(fit.varying()).toBe(0)
  fit.observe([1, undefined], 1)
  fit.observe([2, 5], 2)
  expect(fit.varying()).toBe(0)
  fit.observe([3, 6], 3)
  expect(fit.varying()).toBe(1)
  fit.observe([4, 7], 4)
  expect(fit.varying()).toBe(2)

  const varyingAfter = (...xs: readonly number[]) => {
    const one = leastSquares(1, 1)
    for (const x of xs) one.observe([x], x)
    return one.varying()
  }
  expect(varyingAfter(5, 5, 5, 5)).toBe(0)
  // Relative to 10⁶, 0.01 is rounding; to 0 it is not.
  expect(varyingAfter(1e6, 1e6 + 0.01, 1e6 + 0.02)).toBe(0)
  expect(varyingAfter(0, 0.01, 0.02)).toBe(1)
})

test('a column that appears late starts with what it is then', () => {
  const fit = leastSquares(1, 0)
  fit.observe([undefined], 0)
  for (const [x, y] of [
    [100, 5],
    [101, 5],
    [102, 5],
  ] as const)
    fit.observe([x], y)
  // Deviations from the mean so far: 1 and 3 / 2 of the column, 5 / 2 and 5 / 3 of the need, times (n − 1) / n.
  const products = (2 / 3) * 1 * (5 / 2) + (3 / 4) * (3 / 2) * (5 / 3)
  const squares = (2 / 3) * 1 + (3 / 4) * (3 / 2) ** 2
  expect(predicted(fit, [102]) - predicted(fit, [101])).toBeCloseTo(products / squares, 12)
  expect(predicted(fit, [undefined])).toBe(3.75)
})

test('columns beyond the end of what is observed are absent', () => {
  const rows = [[1], [2, 8], [4, 5], [3], [5, 2, 9], [6, 1]]
  const [short, padded] = [leastSquares(4, 1), leastSquares(4, 1)]
  for (const [i, row] of rows.entries()) {
    short.observe(row, i ** 2)
    padded.observe([...row, undefined, undefined, undefined].slice(0, 4), i ** 2)
    expect([...short.line]).toEqual([...padded.line])
    expect(short.varying()).toBe(padded.varying())
  }
})
