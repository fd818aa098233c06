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
