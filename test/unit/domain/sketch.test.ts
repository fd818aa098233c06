import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { QuantileSketch } from '../../../shared/domain/profile.ts'
import {
  addToSketch,
  emptySketch,
  maxSketchBuckets,
  mergeSketches,
  quantile,
  quantileSeen,
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
function added(sketch: QuantileSketch, value: number, weight?: number): QuantileSketch {
  const grown = scaleSketch(sketch, 1)
  addToSketch(grown, value, weight)
  return grown
}

const sketchOf = (list: readonly number[]) =>
  list.reduce<QuantileSketch>((sketch, v) => added(sketch, v), emptySketch)

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
      expect(added(emptySketch, v, weight)).toEqual(sketchOf(new Array(weight).fill(v)))
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
  expect(() => added(emptySketch, bad)).toThrow(
    new RangeError(`a sketch takes finite values from 0, got ${bad}`),
  )
  expect(() => added(emptySketch, 1, bad)).toThrow(
    new RangeError(`a weight is finite and from 0, got ${bad}`),
  )
})

test('sketches of different accuracy do not merge', () => {
  const coarse: QuantileSketch = { ...emptySketch, relativeAccuracy: 0.05 }
  expect(() => mergeSketches(coarse, emptySketch)).toThrow(/different accuracy/)
})

test('a value is in the bucket of the power of gamma that is next above it', () => {
  expect(added(emptySketch, 1, 2)).toEqual({
    relativeAccuracy: 0.01,
    zeroWeight: 0,
    offset: 0,
    weights: [2],
  })
  const gamma = 1.01 / 0.99
  expect(added(emptySketch, gamma ** 5 * 0.999).offset).toBe(5)
  expect(quantile(added(emptySketch, 1), 0.5)).toBeCloseTo(2 / (gamma + 1), 12)
})

test('zeros, and what is too small to be told from them, are counted apart', () => {
  const sketch = sketchOf([0, 1e-13, 1])
  expect(sketch).toMatchObject({ zeroWeight: 2, weights: [1] })
  expect(quantile(sketch, 0.5)).toBe(0)
  expect(quantile(sketch, 2 / 3)).toBe(0)
  expect(quantile(sketch, 0.7)).toBeCloseTo(1, 1)
  expect(quantile(sketchOf([0, 0]), 1)).toBe(0)
  expect(quantile(sketchOf([1e-12]), 0.5)).toBeGreaterThan(0)
})

test('ranks beyond the ends are those of the ends', () => {
  const sketch = sketchOf([1, 10, 100])
  expect(quantile(sketch, -1)).toBe(quantile(sketch, 0))
  expect(quantile(sketch, 2)).toBe(quantile(sketch, 1))
  expect(quantile(sketch, 0)).toBeCloseTo(1, 1)
})

test('the rank of a value is the share at or below it', () => {
  const sketch = sketchOf([0, 1, 10, 100])
  expect([-1, 0, 0.5, 1, 5, 10, 1e6].map((v) => rankOf(sketch, v))).toEqual([
    0, 0.25, 0.25, 0.5, 0.5, 0.75, 1,
  ])
})

test('merging keeps the zeros of both, whichever is empty otherwise', () => {
  const zeros = sketchOf([0, 0])
  expect(mergeSketches(zeros, sketchOf([5]))).toEqual(sketchOf([0, 0, 5]))
  expect(mergeSketches(sketchOf([5]), zeros)).toEqual(sketchOf([0, 0, 5]))
})

test('a weight of nothing adds nothing, a factor of one changes nothing', () => {
  const sketch = sketchOf([1, 2])
  expect(added(sketch, 9, 0)).toEqual(sketch)
  expect(scaleSketch(sketch, 1)).toEqual(sketch)
})

test('what is added to a copy is not added to what it was copied from', () => {
  const sketch = sketchOf([1, 2])
  for (const factor of [1, 0.5]) addToSketch(scaleSketch(sketch, factor), 2)
  expect(sketch).toEqual(sketchOf([1, 2]))
})

test('buckets that have faded away are cut off at both ends, not between', () => {
  const heavy = added(added(added(emptySketch, 1, 1e-11), 2, 5), 4, 1e-11)
  const both = added(heavy, 3, 5)
  const faded = scaleSketch(both, 0.01)
  expect(faded.weights[0]).toBeCloseTo(0.05, 12)
  expect(faded.weights.at(-1)).toBeCloseTo(0.05, 12)
  expect(faded.weights).toHaveLength(Math.ceil(Math.log(3) / Math.log(1.01 / 0.99)) - faded.offset + 1)
  expect(sketchWeight(faded)).toBeCloseTo(0.1, 12)
  expect(scaleSketch(added(emptySketch, 0, 1e-12), 0.5).zeroWeight).toBe(0)
})

test('a quantile of what was seen is never outside of it', () => {
  const sketch = added(emptySketch, 100)
  const seen = { sketch, min: 100, max: 100 }
  expect(quantile(sketch, 0.95)).not.toBe(100)
  for (const q of [0, 0.5, 0.95, 1]) expect(quantileSeen(seen, q)).toBe(100)
  expect(quantileSeen({ sketch: emptySketch, min: 0, max: 0 }, 0.5)).toBeUndefined()
})
