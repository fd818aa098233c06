import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { QuantileSketch } from '../../../shared/domain/profile.ts'
import {
  addToSketch,
  emptySketch,
  maxSketchBuckets,
  mergeSketches,
  quantile,
  rankOf,
  scaleSketch,
  sketchWeight,
} from '../../../shared/domain/sketch.ts'

const value = fc.oneof(
  fc.constant(0),
  fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
  fc.double({ min: 1e6, max: 1e11, noNaN: true }),
)
const values = fc.array(value, { minLength: 1, maxLength: 200 })
const q = fc.double({ min: 0, max: 1, noNaN: true })
const sketchOf = (list: readonly number[]) => list.reduce((sketch, v) => addToSketch(sketch, v), emptySketch)

/** The value that has at least q of all at or below it. */
function exactQuantile(list: readonly number[], rank: number): number {
  const sorted = list.toSorted((a, b) => a - b)
  return sorted[Math.max(Math.ceil(rank * sorted.length) - 1, 0)] as number
}

test('a sketch answers within one per cent, for any values in any order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1, max: 5e8, noNaN: true }), { minLength: 1, maxLength: 200 }),
      q,
      (list, rank) => {
        const exact = exactQuantile(list, rank)
        expect(Math.abs((quantile(sketchOf(list), rank) as number) - exact)).toBeLessThanOrEqual(
          exact * 0.01000001,
        )
      },
    ),
  )
})

test('the order of arrival does not matter', () => {
  fc.assert(
    fc.property(values, (list) => {
      expect(sketchOf(list.toReversed())).toEqual(sketchOf(list))
      expect(sketchOf(list.toSorted((a, b) => a - b))).toEqual(sketchOf(list))
    }),
  )
})

test('merging equals adding everything to one', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      expect(mergeSketches(sketchOf(a), sketchOf(b))).toEqual(sketchOf([...a, ...b]))
    }),
  )
})

test('a sketch is bounded, and what it collapses are the lowest values', () => {
  const wide = sketchOf([1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9, 1e12, 1e15])
  expect(wide.weights.length).toBeLessThanOrEqual(maxSketchBuckets)
  expect(sketchWeight(wide)).toBe(9)
  expect(Math.abs((quantile(wide, 1) as number) / 1e15 - 1)).toBeLessThan(0.01)
  expect(quantile(wide, 0) as number).toBeGreaterThan(1e-9)
})

test('a weight counts as so many values', () => {
  fc.assert(
    fc.property(value, fc.integer({ min: 1, max: 50 }), (v, weight) => {
      expect(addToSketch(emptySketch, v, weight)).toEqual(sketchOf(new Array(weight).fill(v)))
    }),
  )
})

test('decay scales the weight and leaves the quantiles', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, factor) => {
      const sketch = sketchOf(list)
      const faded = scaleSketch(sketch, factor)
      expect(sketchWeight(faded)).toBeCloseTo(sketchWeight(sketch) * factor, 6)
      expect(quantile(faded, 1)).toBe(quantile(sketch, 1))
    }),
  )
})

test('what has faded away leaves no bucket behind', () => {
  const faded = scaleSketch(sketchOf([0, 1, 1e6]), 1e-30)
  expect(faded).toEqual(emptySketch)
  expect(quantile(faded, 0.5)).toBeUndefined()
})

test('the rank of a value is the inverse of the quantile', () => {
  fc.assert(
    fc.property(values, q, (list, rank) => {
      const sketch = sketchOf(list)
      expect(rankOf(sketch, quantile(sketch, rank) as number) as number).toBeGreaterThanOrEqual(rank - 1e-9)
    }),
  )
  expect(rankOf(emptySketch, 1)).toBeUndefined()
  expect(rankOf(sketchOf([1, 2]), -1)).toBe(0)
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('a sketch takes no %s', (bad) => {
  expect(() => addToSketch(emptySketch, bad)).toThrow(RangeError)
  expect(() => addToSketch(emptySketch, 1, bad)).toThrow(RangeError)
})

test('sketches of different accuracy do not merge', () => {
  const coarse: QuantileSketch = { ...emptySketch, relativeAccuracy: 0.05 }
  expect(() => mergeSketches(coarse, emptySketch)).toThrow(RangeError)
})
