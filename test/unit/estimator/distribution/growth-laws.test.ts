import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type GrowthLaw,
  growthLaws,
  lawRecord,
  logGrowth,
} from '../../../../services/estimator/domain/distribution/growth-laws.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

/** What executions with these values of column 0 and these needs say. */
const recordOf = (seen: readonly (readonly [value: number | undefined, need: number])[]) =>
  lawRecord(
    executionsAt(
      seen.map(([value]) => pointAt([value])),
      (i) => ({ need: seen[i]?.[1] ?? 0 }),
    ),
    0,
  )

const priors = growthLaws.map(({ logPrior }) => expect.closeTo(Math.exp(logPrior), 12))

const indexOf = (exponent: number, share: number) =>
  growthLaws.findIndex((law) => law.exponent === exponent && Math.abs(law.share - share) < 1e-9)

const priorOf = (laws: readonly GrowthLaw[]) =>
  laws.reduce((sum, { logPrior }) => sum + Math.exp(logPrior), 0)

describe('the laws', () => {
  const growing = growthLaws.filter(({ share }) => share > 0)

  test('are as probable as all together, 0.45 of it no growth', () => {
    expect(priorOf(growthLaws)).toBeCloseTo(1, 12)
    expect(priorOf(growthLaws.filter(({ share }) => share === 0))).toBeCloseTo(0.45, 12)
    expect(growthLaws).toHaveLength(49)
  })

  test.each([
    [0.5, 0.11],
    [1, 0.33],
    [1.5, 0.066],
    [2, 0.044],
  ])('of exponent %d have this much of the prior probability: %d', (exponent, prior) => {
    expect(priorOf(growing.filter((law) => law.exponent === exponent))).toBeCloseTo(prior, 12)
  })

  test('of one exponent have shares from a hundredth to all of the need, which counts three times', () => {
    const linear = growing.filter(({ exponent }) => exponent === 1)
    const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12))
    expect(linear.map(({ share }) => share)).toEqual(
      close([0.01, 0.04, 0.09, 0.16, 0.25, 0.36, 0.49, 0.64, 0.81, 0.91, 0.97, 1]),
    )
    // 14 parts of 0.33
    expect(linear.map(({ logPrior }) => Math.exp(logPrior))).toEqual(
      close([...Array<number>(11).fill(0.33 / 14), (3 * 0.33) / 14]),
    )
  })
})

test.each([
  // ln(1 − share + share · r^exponent)
  [2, 1, 3, 9],
  [0.5, 1, 4, 2],
  [0.5, 1, 1 / 4, 1 / 2],
  [1, 0.25, 5, 2],
  [1.5, 0.5, 4, 4.5],
  [1, 0, 1000, 1],
  [2, 0.36, 1, 1],
])(
  'exponent %d, share %d: at %d times the largest value the need is %d times as large',
  (exponent, share, times, growth) => {
    expect(Math.exp(logGrowth({ exponent, share, logPrior: 0 }, Math.log(times)))).toBeCloseTo(growth, 12)
  },
)

describe('the record', () => {
  test('of one execution says nothing of the laws', () => {
    const { weights, range, scatter } = recordOf([[100, 5]])
    expect([...weights]).toEqual(priors)
    expect(range).toBeCloseTo(0, 12)
    expect(scatter).toBe(0)
  })

  test('of values that are alike says nothing either: they are one piece of evidence', () => {
    // ln(100 / 96) = 0.041, ln(100 / 95) = 0.051
    expect([
      ...recordOf([
        [96, 1],
        [98, 9],
        [100, 5],
      ]).weights,
    ]).toEqual(priors)
    expect([
      ...recordOf([
        [95, 1],
        [100, 5],
      ]).weights,
    ]).not.toEqual(priors)
  })

  test('counts of executions that are alike the one that needed most, from the smallest of them on', () => {
    // 100 and 104 are alike, 108 and 110 are: 104 and 108 are in two pieces, though as near to each other.
    const all = recordOf([
      [100, 5],
      [104, 8],
      [108, 3],
      [110, 6],
    ])
    const most = recordOf([
      [104, 8],
      [110, 6],
    ])
    expect([...all.weights]).toEqual([...most.weights].map((weight) => expect.closeTo(weight, 12)))
  })

  test('counts of those alike that needed the same the smallest', () => {
    const needs = (...values: readonly number[]) =>
      recordOf([...values.map((value) => [value, 5] as const), [200, 9]])
    expect(needs(100, 104).weights).toEqual(needs(100).weights)
  })

  test('of two pieces that follow a law gives odds that can be computed by hand', () => {
    const { weights } = recordOf([
      [1, 1],
      [Math.E, Math.E],
    ])
    // The pieces weigh 1/2 and 1. Where logarithms differ by x from a law, the squares around its best level are
    // x² · (1/2 · 1) / (1/2 + 1) = x² / 3, and 2 · 0.02² on top. x is 1 without growth, 0 if the need is as the value.
    const likelihood = (x: number) => (x ** 2 / 3 + 2 * 0.02 ** 2) ** (-3 / 2 / 2)
    const odds = (weights[indexOf(1, 1)] ?? 0) / (weights[0] ?? 0)
    expect(odds).toBeCloseTo((((0.33 * 3) / 14) * likelihood(0)) / (0.45 * likelihood(1)), 9)
  })

  test('of three pieces weighs them by 1/3, 2/3 and 1', () => {
    const { weights } = recordOf([
      [1, 1],
      [Math.E, 1],
      [Math.E ** 2, Math.E],
    ])
    const [a, b, c] = [1 / 3, 2 / 3, 1]
    const total = a + b + c
    // Without growth the errors are 0, 0 and 1; where the need is as the value, 2, 1 and 1.
    const flat = c - c ** 2 / total
    const linear = 4 * a + b + c - (2 * a + b + c) ** 2 / total
    const odds = (weights[indexOf(1, 1)] ?? 0) / (weights[0] ?? 0)
    expect(odds).toBeCloseTo(((0.33 * 3) / 14 / 0.45) * ((linear + 8e-4) / (flat + 8e-4)) ** (-total / 2), 9)
  })

  test.each([
    [0.5, 1],
    [1, 0.25],
    [1, 1],
    [1.5, 0.49],
    [2, 1],
  ])('of needs that follow a law finds it: exponent %d, share %d', (exponent, share) => {
    const { weights, scatter } = recordOf(
      Array.from({ length: 30 }, (_, i) => {
        const distance = -i / 5
        return [Math.exp(distance), Math.exp(logGrowth({ exponent, share, logPrior: 0 }, distance))] as const
      }),
    )
    expect(weights.indexOf(Math.max(...weights))).toBe(indexOf(exponent, share))
    expect(scatter).toBeCloseTo(0, 6)
  })

  test('has as its scatter the standard deviation of all executions around the likeliest law', () => {
    expect(
      recordOf([
        [10, 1],
        [10, Math.exp(0.2)],
      ]).scatter,
    ).toBeCloseTo(0.1, 9)
    // Alike, but each counts: 0, 0, 0 and 0.4 around 0.1.
    const needs = [1, 1, 1, Math.exp(0.4)]
    expect(recordOf(needs.map((need) => [10, need])).scatter).toBeCloseTo(Math.sqrt(0.03), 9)
  })

  test('has as its range the logarithm of largest over smallest, at most as far as is told apart', () => {
    expect(
      recordOf([
        [8, 1],
        [2, 1],
        [4, 1],
      ]).range,
    ).toBeCloseTo(Math.log(4), 12)
    expect(
      recordOf([
        [1e-300, 1],
        [1, 1],
      ]).range,
    ).toBe(20)
  })

  test.each([1, 0.1])(
    'leaves out executions that lack the feature, or of which it is no size, with needs of %d and twice that',
    (need) => {
      const of = recordOf([
        [undefined, 9],
        [0, 7],
        [2, need],
        [-3, 8],
        [6, 2 * need],
      ])
      const known = recordOf([
        [2, need],
        [6, 2 * need],
      ])
      expect(of).toEqual(known)
    },
  )

  test('is of the column that it is asked for', () => {
    const executions = executionsAt([pointAt([1, 5]), pointAt([9, 6])])
    expect(lawRecord(executions, 0).range).toBeCloseTo(Math.log(9), 12)
    expect(lawRecord(executions, 1)).toMatchObject({ range: expect.closeTo(Math.log(6 / 5), 12) })
  })

  test('puts values that the order of logarithms does not tell apart at the edge, none beyond it', () => {
    const at = (value: number) => ({ ...pointAt([value]), logs: [0] })
    expect(lawRecord(executionsAt([at(2), at(1)]), 0).range).toBeCloseTo(0, 12)
  })

  const anySeen = fc.array(fc.tuple(fc.integer({ min: -1, max: 300 }), fc.integer({ min: 1, max: 1e6 })), {
    minLength: 1,
    maxLength: 20,
  })
  const hasSize = (seen: readonly (readonly [number, number])[]) => seen.some(([value]) => value > 0)

  test('does not depend on the order in which executions came, and its weights add up to 1', () => {
    fc.assert(
      fc.property(
        anySeen
          .filter(hasSize)
          .chain((seen) =>
            fc.tuple(fc.constant(seen), fc.shuffledSubarray(seen, { minLength: seen.length })),
          ),
        ([seen, shuffled]) => {
          const record = recordOf(seen)
          const other = recordOf(shuffled)
          expect(other.weights).toEqual(record.weights)
          expect(other.range).toBe(record.range)
          expect(other.scatter).toBeCloseTo(record.scatter, 9)
          expect(record.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9)
        },
      ),
    )
  })
})
