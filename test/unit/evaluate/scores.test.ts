import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ledger } from '../../../cli/evaluate/ledger.ts'
import { calibration, quantileOf, scoreForecasts, scorePredictions } from '../../../cli/evaluate/metrics.ts'
import { shuffled } from '../../../cli/evaluate/shuffle.ts'

const options = { timeToFailure: 0.5, capBytes: 16e9 }

test('what was given and not used is wasted; a failed attempt is wasted whole, for as long as it ran', () => {
  const book = ledger(options)
  const execution = book.begin(3e9, 2)

  expect(execution.attempt(2e9)).toBe(false)
  expect(execution.attempt(4e9)).toBe(true)
  expect(book.score(true)).toEqual({
    wastage_gb_hours: 0.5 * 2 * 2 + 1 * 2,
    wastage_gb: 0.5 * 2 + 1,
    failures: 1,
    failed_executions: 1,
    median_over_allocation: 4 / 3,
  })
  expect(book.score(false).wastage_gb_hours).toBeNull()
})

test('an execution that the cap does not let run is given up after one try at the cap', () => {
  const book = ledger(options)
  const execution = book.begin(20e9, 1)

  expect(execution.attempt(8e9)).toBe(false)
  expect(execution.attempt(16e9)).toBe(true)
  expect(book.score(true)).toMatchObject({ failures: 2, failed_executions: 1, wastage_gb: 12 })
})

test('a perfect forecaster scores nothing, the base rate scores itself', () => {
  const certain = [true, false, true, true].map((happened) => ({ probability: happened ? 1 : 0, happened }))
  const base = [true, false, true, true].map((happened) => ({ probability: 0.75, happened }))

  expect(scoreForecasts(certain)).toMatchObject({ brier: 0, ece: 0 })
  expect(scoreForecasts(base)?.brier).toBeCloseTo(scoreForecasts(base)?.brier_base_rate ?? 0, 12)
  expect(scoreForecasts(base)?.ece).toBeCloseTo(0, 12)
  expect(scoreForecasts([])).toBeNull()
})

test('calibration error is the gap between what was said and what came', () => {
  const always = Array.from({ length: 10 }, (_, i) => ({ probability: 0.9, happened: i < 6 }))

  expect(scoreForecasts(always)?.ece).toBeCloseTo(0.3, 12)
  expect(calibration(always, 10)).toEqual([{ count: 10, given: expect.closeTo(0.9, 12), found: 0.6 }])
})

test('errors of predictions are relative to what came', () => {
  const pairs = [
    { predicted: 110, actual: 100 },
    { predicted: 50, actual: 100 },
    { predicted: 300, actual: 100 },
  ]

  expect(scorePredictions(pairs)).toEqual({ mdape: 0.5, nmae: 260 / 300, off_by_2x: 1 / 3 })
})

test('the quantile of some values is one of them, with that share at or below', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const found = quantileOf(values, q)
        expect(values).toContain(found)
        expect(values.filter((value) => value <= found).length / values.length).toBeGreaterThanOrEqual(
          q - 1e-12,
        )
      },
    ),
  )
})

test('a shuffle keeps every item, and the same seed gives the same order', () => {
  const items = Array.from({ length: 50 }, (_, i) => i)

  expect([...shuffled(items, 7)].sort((a, b) => a - b)).toEqual(items)
  expect(shuffled(items, 7)).toEqual(shuffled(items, 7))
  expect(shuffled(items, 7)).not.toEqual(shuffled(items, 8))
})
