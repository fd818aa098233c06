import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  blend,
  cappedAt,
  largerOf,
  leastNeed,
  probability,
  quantile,
} from '../../../../services/estimator/domain/distribution/distribution.ts'
import { mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { anyAmount, anyDistribution, anyShare, listed, weighed } from '../../../support/distributions.ts'

test('is ascending, adds up to one, and its quantiles and probabilities are each other’s inverse', () => {
  fc.assert(
    fc.property(anyDistribution, anyShare, (distribution, q) => {
      const { needs, cumulative } = listed(distribution)
      for (let i = 1; i < distribution.size; i++)
        expect(distribution.atoms[i]).toBeGreaterThan(distribution.atoms[i - 1] ?? 0)
      expect(cumulative).toEqual(cumulative.toSorted((a, b) => a - b))
      expect(cumulative.at(-1)).toBe(1)
      expect(quantile(distribution, q)).toBe(needs[cumulative.findIndex((share) => share >= q)])
      expect(probability(distribution, quantile(distribution, q))).toBeGreaterThanOrEqual(q)
    }),
  )
})

test('gives more to more, nothing to nothing, and everything to enough', () => {
  fc.assert(
    fc.property(anyDistribution, anyAmount, anyAmount, (distribution, a, b) => {
      const [less, more] = [
        probability(distribution, Math.min(a, b)),
        probability(distribution, Math.max(a, b)),
      ]
      expect(less).toBeLessThanOrEqual(more)
      expect(probability(distribution, 0)).toBe(0)
      expect(probability(distribution, Number.MAX_VALUE)).toBe(1)
    }),
  )
})

test('a need too small to differ from zero leaves every probability one', () => {
  const distribution = mixtureAround(
    [
      [-800, 1],
      [20, 1],
    ],
    0,
  )
  expect(listed(distribution).needs[0]).toBe(0)
  for (const amount of [5e-324, 1.5, 1e6]) {
    expect(probability(distribution, amount)).toBeGreaterThan(0)
    expect(probability(distribution, amount)).toBeLessThan(1)
  }
})

/** Needs of 1, 10 and 100, of which half, a quarter and a quarter come. */
const three = weighed([
  [Math.log(1), 2],
  [Math.log(10), 1],
  [Math.log(100), 1],
])

test('probabilities are linear between needs on a log scale', () => {
  expect(probability(three, 0.99)).toBe(0)
  expect(probability(three, 1)).toBeCloseTo(0.5, 9)
  expect(probability(three, Math.sqrt(10))).toBeCloseTo(0.625, 9)
  expect(probability(three, 10)).toBeCloseTo(0.75, 9)
  expect(probability(three, 100)).toBe(1)
  expect(probability(three, 1e9)).toBe(1)
  for (const nothing of [0, -1, Number.NaN]) expect(probability(three, nothing)).toBe(0)
})

test('what no amount helps against is missing from the last probability', () => {
  const short = { ...three, cumulative: Float64Array.of(0.4, 0.6, 0.8) }
  expect(probability(short, 1e9)).toBe(0.8)
  expect(quantile(short, 0.9)).toBeCloseTo(100, 9)
})

test('an amount that is the exponential of an atom counts as reaching it', () => {
  for (let at = 0; at < 40; at += 0.37) {
    const one = weighed([[at, 1]])
    expect(probability(one, Math.exp(at))).toBe(1)
    expect(probability(one, Math.exp(at - 1e-9))).toBe(0)
  }
})

test('a quantile is the smallest need with so much of the weight at or below it', () => {
  expect([0, 0.5, 0.51, 0.75, 0.76, 1].map((q) => Math.round(quantile(three, q)))).toEqual([
    1, 1, 10, 10, 100, 100,
  ])
})

test('the least need that passes is found where all larger ones pass; the largest where none does', () => {
  for (const limit of [0, 1, 5, 10, 50, 100, 1000]) {
    const expected = [1, 10, 100].find((need) => need >= limit) ?? 100
    expect(leastNeed(three, (need) => need >= limit - 1e-9)).toBeCloseTo(expected, 9)
  }
})

test('capped, all that lies above an amount lies at it, and what no amount helped against too', () => {
  const long = weighed([
    [Math.log(1), 2, 1],
    [Math.log(10), 1, 1],
    [Math.log(100), 1, 2],
  ])
  const short = { ...long, cumulative: Float64Array.of(0.4, 0.6, 0.8) }
  const { needs, cumulative, runtimeShare } = listed(cappedAt(short, 50))
  expect(needs).toEqual([1, 10, 50].map((need) => expect.closeTo(need, 9)))
  expect(cumulative).toEqual([0.4, 0.6, 1])
  expect(runtimeShare).toEqual([0.25, 0.5, 1])
})

test('capped below the first need it is one need', () => {
  const two = weighed([
    [1, 1],
    [2, 1],
  ])
  expect(listed(cappedAt(two, 2))).toEqual({
    needs: [expect.closeTo(2, 12)],
    cumulative: [1],
    runtimeShare: [1],
  })
})

test('capped at or above the last need it is unchanged', () => {
  expect(cappedAt(three, 1e9)).toBe(three)
  expect(cappedAt(three, 100)).toBe(three)
})

test('capped at a need that it has, a distribution keeps its atoms apart', () => {
  const { size, atoms, cumulative } = cappedAt(
    weighed([
      [0, 2],
      [1, 1],
      [2, 1],
    ]),
    Math.E,
  )
  expect([...atoms.subarray(0, size)]).toEqual([0, 1])
  expect([...cumulative.subarray(0, size)]).toEqual([0.5, 1])
})

describe('one or another distribution', () => {
  test('is each with its probability, at all of their needs', () => {
    const one = weighed([
      [1, 1],
      [3, 3],
    ])
    const other = weighed([
      [2, 1],
      [3, 1],
    ])
    const { size, atoms, cumulative, runtimeShare } = blend(one, other, 0.2)
    expect(size).toBe(3)
    expect([...atoms.subarray(0, 3)]).toEqual([1, 2, 3])
    expect([...cumulative.subarray(0, 3)]).toEqual([
      expect.closeTo(0.8 * 0.25, 12),
      expect.closeTo(0.8 * 0.25 + 0.2 * 0.5, 12),
      1,
    ])
    expect([...runtimeShare.subarray(0, 3)]).toEqual([...cumulative.subarray(0, 3)])
  })
})

test('of two distributions as much lies above each need as by the one by which most does', () => {
  const one = weighed([
    [1, 1],
    [3, 3],
  ])
  const other = weighed([
    [2, 1],
    [4, 1],
  ])
  expect(listed(largerOf(one, other)).cumulative).toEqual([0, 0.25, 0.5, 1])
  expect(listed(largerOf(other, one))).toEqual(listed(largerOf(one, other)))
  expect(listed(largerOf(one, one))).toEqual(listed(one))
})
