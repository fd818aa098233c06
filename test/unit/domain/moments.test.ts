import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addPair,
  addValue,
  jointMoments,
  meanWith,
  moments,
  varianceWith,
} from '../../../shared/domain/moments.ts'

const value = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const meanOf = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length
const productsOf = (xs: readonly number[], ys: readonly number[]) =>
  xs.reduce((sum, x, i) => sum + (x - meanOf(xs)) * ((ys[i] as number) - meanOf(ys)), 0)

test('one value at a time gives the mean and the squares of all at once', () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 50 }), (values) => {
      const running = moments()
      const added = values.map((v) => addValue(running, v)).reduce((a, b) => a + b, 0)
      expect(running.count).toBe(values.length)
      expect(running.mean).toBeCloseTo(meanOf(values), 6)
      expect(Math.abs(running.squares - productsOf(values, values))).toBeLessThanOrEqual(1e-2)
      expect(added).toBe(running.squares)
    }),
  )
})

test('pairs have the moments of each side, and the products of their deviations', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 50 }), (pairs) => {
      const joint = jointMoments()
      const [x, y] = [moments(), moments()]
      for (const [a, b] of pairs) {
        addPair(joint, a, b)
        addValue(x, a)
        addValue(y, b)
      }
      const [xs, ys] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
      expect(joint).toMatchObject({ count: x.count, meanX: x.mean, meanY: y.mean })
      expect(joint).toMatchObject({ squaresX: x.squares, squaresY: y.squares })
      expect(Math.abs(joint.products - productsOf(xs, ys))).toBeLessThanOrEqual(1e-2)
    }),
  )
})

test('a weight of n is n values: weighted mean and population variance', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(value, fc.integer({ min: 1, max: 5 })), { minLength: 1 }), (weighted) => {
      let [weight, mean, variance] = [0, 0, 0]
      for (const [v, w] of weighted) {
        const share = w / (weight + w)
        variance = varianceWith(variance, mean, v, share)
        mean = meanWith(mean, v, share)
        weight += w
      }
      const all = weighted.flatMap(([v, w]) => new Array<number>(w).fill(v))
      expect(mean).toBeCloseTo(meanOf(all), 6)
      expect(Math.abs(variance - productsOf(all, all) / all.length)).toBeLessThanOrEqual(1e-2)
    }),
  )
})

test('a large common offset does not drown the variance', () => {
  const running = moments()
  for (const v of [1e12 + 4, 1e12 + 7, 1e12 + 13, 1e12 + 16]) addValue(running, v)
  expect(running.squares).toBe(90)
})
