import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { observeFigures } from '../../../shared/domain/accuracy.ts'
import { compareArms, shareInterval } from '../../../shared/domain/comparison.ts'
import type { AccuracyFigures } from '../../../shared/domain/profile.ts'
import { randomOf } from '../../support/random.ts'

/** An arm that saw `n` executions, of mean cost `cost` with exponential spread, a share `coverage` of which sufficed. */
function arm(n: number, cost: number, coverage: number, random: () => number): AccuracyFigures {
  let figures: AccuracyFigures | undefined
  for (let i = 0; i < n; i++) {
    const sufficed = random() < coverage
    const seen = { sufficed, relativeError: 0.1, wastage: 0, cost: -Math.log(1 - random()) * cost }
    figures = observeFigures(figures, seen, 1, 1)
  }
  return figures as AccuracyFigures
}

describe('the bounds of a share', () => {
  test('lie around it within 0 and 1, and close in with more executions', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(share, fc.integer({ min: 1, max: 10_000 }), (p, n) => {
        const { low, high } = shareInterval(p, n)
        expect(low).toBeGreaterThanOrEqual(0)
        expect(high).toBeLessThanOrEqual(1)
        expect(low).toBeLessThanOrEqual(p + 1e-12)
        expect(high).toBeGreaterThanOrEqual(p - 1e-12)
        const more = shareInterval(p, n * 4)
        expect(more.high - more.low).toBeLessThan(high - low)
      }),
    )
  })

  test('are Wilson’s: 81 of 263', () => {
    const { low, high } = shareInterval(81 / 263, 263)
    expect(low).toBeCloseTo(0.2553, 4)
    expect(high).toBeCloseTo(0.3662, 4)
  })

  test('are everything where nothing was seen', () => {
    expect(shareInterval(0, 0)).toMatchObject({ low: 0, high: 1 })
  })
})

describe('two arms', () => {
  test('that are alike are told apart about one time in twenty', () => {
    const random = randomOf(7)
    let toldApart = 0
    let coverageApart = 0
    for (let round = 0; round < 400; round++) {
      const strata = Array.from({ length: 3 }, (_, i) => ({
        control: arm(60, 10 ** i, 0.9, random),
        variant: arm(40, 10 ** i, 0.9, random),
      }))
      const { costRatio, coverageDifference } = compareArms(strata)
      if (costRatio === undefined || coverageDifference === undefined) throw new Error('both are known')
      if (costRatio.low > 1 || costRatio.high < 1) toldApart++
      if (coverageDifference.low > 0 || coverageDifference.high < 0) coverageApart++
    }
    expect(toldApart / 400).toBeGreaterThan(0.01)
    expect(toldApart / 400).toBeLessThan(0.11)
    expect(coverageApart / 400).toBeLessThan(0.1)
  })

  test('one a fifth cheaper is found to be so, over tasks of unlike size with unlike shares', () => {
    const random = randomOf(11)
    const strata = Array.from({ length: 5 }, (_, i) => ({
      control: arm(200 + 300 * i, 10 ** i, 0.95, random),
      variant: arm(1400 - 300 * i, 0.8 * 10 ** i, 0.95, random),
    }))
    const { costRatio, tasks } = compareArms(strata)
    expect(tasks).toBe(5)
    expect(costRatio?.high).toBeLessThan(1)
    expect(costRatio?.low).toBeLessThan(0.8)
    expect(costRatio?.high).toBeGreaterThan(0.8)
  })

  test('one that suffices less often is found to', () => {
    const random = randomOf(3)
    const comparison = compareArms([
      { control: arm(400, 1, 0.97, random), variant: arm(400, 1, 0.85, random) },
    ])
    expect(comparison.coverageDifference?.high).toBeLessThan(0)
  })

  test('of too few executions say nothing', () => {
    const random = randomOf(5)
    const strata = [{ control: arm(100, 1, 1, random), variant: arm(9, 1, 1, random) }]
    expect(compareArms(strata)).toEqual({ tasks: 0, costRatio: undefined, coverageDifference: undefined })
  })
})

describe('the figures of two arms', () => {
  const figures = (given: Partial<AccuracyFigures>): AccuracyFigures => ({
    weight: 100,
    weightSquares: 100,
    coverage: 0.9,
    relativeError: 0,
    relativeErrorVariance: 0,
    wastage: 0,
    cost: 10,
    costVariance: 99,
    brier: 0,
    meanConfidence: 0,
    calibration: [],
    ...given,
  })

  test('the ratio of costs is the mean of its logarithm over the tasks, each by the inverse of its variance', () => {
    const strata = [
      { control: figures({}), variant: figures({ cost: 5, costVariance: 99 / 4 }) },
      { control: figures({ costVariance: 3 * 99 }), variant: figures({ cost: 20, costVariance: 12 * 99 }) },
    ]
    // Variances of the logarithms: 2 · 0.01 and 2 · 0.03, so weights of three to one.
    const mean = (3 * Math.log(0.5) + Math.log(2)) / 4
    const half = 1.959964 * Math.sqrt(1 / (1 / 0.02 + 1 / 0.06))
    const { tasks, costRatio } = compareArms(strata)
    expect(tasks).toBe(2)
    expect(costRatio?.value).toBeCloseTo(Math.exp(mean), 9)
    expect(costRatio?.low).toBeCloseTo(Math.exp(mean - half), 9)
    expect(costRatio?.high).toBeCloseTo(Math.exp(mean + half), 9)
  })

  test('the difference of shares weighs each task by what both arms saw, and its bounds are Agresti and Caffo’s', () => {
    const [few, many] = [figures({ weight: 20, weightSquares: 20 }), figures({ coverage: 0.8 })]
    const { coverageDifference } = compareArms([
      { control: few, variant: figures({ weight: 30, weightSquares: 30, coverage: 0.95 }) },
      { control: many, variant: figures({ coverage: 0.7 }) },
    ])
    const [w, v] = [(20 * 30) / 50, 50]
    const adjusted = (p: number, n: number) => ((p * n + 1) / (n + 2)) * (1 - (p * n + 1) / (n + 2))
    const variance =
      w ** 2 * (adjusted(0.9, 20) / 22 + adjusted(0.95, 30) / 32) +
      v ** 2 * (adjusted(0.8, 100) / 102 + adjusted(0.7, 100) / 102)
    const value = (w * 0.05 - v * 0.1) / (w + v)
    const half = (1.959964 * Math.sqrt(variance)) / (w + v)
    expect(coverageDifference?.value).toBeCloseTo(value, 9)
    expect(coverageDifference?.low).toBeCloseTo(value - half, 9)
    expect(coverageDifference?.high).toBeCloseTo(value + half, 9)
  })

  test('a difference is never beyond one, nor a share beyond nothing and all', () => {
    const few = { weight: 10, weightSquares: 10 }
    const [never, always] = [figures({ ...few, coverage: 0 }), figures({ ...few, coverage: 1 })]
    expect(compareArms([{ control: never, variant: always }]).coverageDifference?.high).toBe(1)
    expect(compareArms([{ control: always, variant: never }]).coverageDifference?.low).toBe(-1)
    expect(shareInterval(0, 3).low).toBeCloseTo(0, 12)
    expect(shareInterval(1, 3).high).toBeCloseTo(1, 12)
  })

  test.each([
    ['control', { weight: 9.9, weightSquares: 9.9 }, {}],
    ['variant', {}, { weight: 9.9, weightSquares: 9.9 }],
  ])('a task counts where both have seen enough of it: not where the %s has not', (_, control, variant) => {
    expect(compareArms([{ control: figures(control), variant: figures(variant) }]).tasks).toBe(0)
    const enough = figures({ weight: 10, weightSquares: 10 })
    expect(compareArms([{ control: enough, variant: enough }]).tasks).toBe(1)
  })

  test('a task that cost nothing says nothing of costs', () => {
    expect(compareArms([{ control: figures({ cost: 0 }), variant: figures({}) }]).costRatio).toBeUndefined()
    expect(compareArms([{ control: figures({}), variant: figures({ cost: 0 }) }]).costRatio).toBeUndefined()
    const known = { control: figures({}), variant: figures({ cost: 5 }) }
    for (const free of [
      { control: figures({ cost: 0 }), variant: figures({}) },
      { control: figures({}), variant: figures({ cost: 0 }) },
    ])
      expect(compareArms([known, free]).costRatio).toEqual(compareArms([known]).costRatio)
  })

  test('costs that never varied give a ratio, not an infinite certainty', () => {
    const still = figures({ costVariance: 0 })
    const { costRatio } = compareArms([{ control: still, variant: still }])
    expect(costRatio?.value).toBe(1)
    expect(costRatio?.high).toBeGreaterThan(1)
  })
})
