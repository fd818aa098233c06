import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  calibrationError,
  effectiveExecutions,
  observeFigures,
  type ScoredPrediction,
} from '../../../shared/domain/accuracy.ts'
import type { AccuracyFigures } from '../../../shared/domain/profile.ts'

const seen = (given: Partial<ScoredPrediction>): ScoredPrediction => ({
  sufficed: true,
  relativeError: 0,
  wastage: 0,
  cost: 0,
  ...given,
})

function observeAll(predictions: readonly ScoredPrediction[], decay: number): AccuracyFigures {
  let figures: AccuracyFigures | undefined
  for (const each of predictions) figures = observeFigures(figures, each, 1, decay)
  return figures as AccuracyFigures
}

const share = fc.double({ min: 0, max: 1, noNaN: true })
const anyPrediction = fc.record({
  sufficed: fc.boolean(),
  relativeError: fc.double({ min: 0, max: 100, noNaN: true }),
  wastage: fc.double({ min: 0, max: 1e6, noNaN: true }),
  cost: fc.double({ min: 0, max: 1e6, noNaN: true }),
  confidence: share,
})

test('without decay the figures are plain means and variances, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(anyPrediction, { minLength: 1, maxLength: 30 }), (predictions) => {
      const figures = observeAll(predictions, 1)
      const mean = predictions.reduce((sum, { cost }) => sum + cost, 0) / predictions.length
      const variance = predictions.reduce((sum, { cost }) => sum + (cost - mean) ** 2, 0) / predictions.length
      expect(figures.cost).toBeCloseTo(mean, 4)
      expect(figures.costVariance / Math.max(1, variance)).toBeCloseTo(variance / Math.max(1, variance), 6)
      expect(effectiveExecutions(figures)).toBeCloseTo(predictions.length, 6)
      expect(observeAll(predictions.toReversed(), 1).cost).toBeCloseTo(figures.cost, 4)
    }),
  )
})

test('with decay they amount to a bounded number of executions', () => {
  const figures = observeAll(Array(5000).fill(seen({})), 0.98)
  expect(effectiveExecutions(figures)).toBeCloseTo(99, 0)
})

test('a confidence that comes true as often as it says has no calibration error; one that never does has all of it', () => {
  const honest = Array.from({ length: 100 }, (_, i) => seen({ confidence: 0.7, sufficed: i % 10 < 7 }))
  expect(calibrationError(observeAll(honest, 1).calibration)).toBeCloseTo(0, 9)
  const boaster = Array.from({ length: 50 }, () => seen({ confidence: 0.95, sufficed: false }))
  expect(calibrationError(observeAll(boaster, 0.98).calibration)).toBeCloseTo(0.95, 9)
  expect(calibrationError([])).toBeUndefined()
})

test('what was there before counts as its decay says, in every figure', () => {
  const first = observeFigures(
    undefined,
    seen({ sufficed: false, relativeError: 1, wastage: 10, cost: 20, confidence: 0.5 }),
    2,
    0.5,
  )
  expect(first).toEqual({
    weight: 2,
    weightSquares: 4,
    coverage: 0,
    relativeError: 1,
    relativeErrorVariance: 0,
    wastage: 10,
    cost: 20,
    costVariance: 0,
    brier: 0.25,
    meanConfidence: 0.5,
    calibration: [{ bin: 5, weight: 2, confidence: 0.5, coverage: 0 }],
  })
  const second = observeFigures(
    first,
    seen({ sufficed: true, relativeError: 3, wastage: 30, cost: 60, confidence: 1 }),
    3,
    0.5,
  )
  // One of weight 2 halved, one of weight 3: shares of a quarter and three quarters.
  expect(second).toEqual({
    weight: 4,
    weightSquares: 10,
    coverage: 0.75,
    relativeError: 2.5,
    relativeErrorVariance: 0.75,
    wastage: 25,
    cost: 50,
    costVariance: 300,
    brier: 0.0625,
    meanConfidence: 0.875,
    calibration: [
      { bin: 5, weight: 1, confidence: 0.5, coverage: 0 },
      { bin: 9, weight: 3, confidence: 1, coverage: 1 },
    ],
  })
})

test('without a confidence nothing is said of it', () => {
  expect(observeFigures(undefined, seen({}), 1, 1)).toMatchObject({
    brier: 0,
    meanConfidence: 0,
    calibration: [],
  })
})

test('bins are a tenth wide, in order, and each has the means of what fell in it', () => {
  const figures = observeAll(
    [0.95, 0.1, 0.19, 0].map((confidence, i) => seen({ confidence, sufficed: i === 1 })),
    1,
  )
  expect(figures.calibration.map(({ bin, weight, coverage }) => [bin, weight, coverage])).toEqual([
    [0, 1, 0],
    [1, 2, 0.5],
    [9, 1, 0],
  ])
  expect(figures.calibration[1]?.confidence).toBeCloseTo(0.145, 12)
})

test('the calibration error weighs each bin by what fell in it', () => {
  const bins = [
    { bin: 2, weight: 3, confidence: 0.2, coverage: 0.6 },
    { bin: 9, weight: 1, confidence: 0.9, coverage: 0.7 },
  ]
  expect(calibrationError(bins)).toBeCloseTo((3 * 0.4 + 0.2) / 4, 12)
})

test('figures written before squares were kept amount to their weight', () => {
  expect(effectiveExecutions({ weight: 7, weightSquares: 0 })).toBe(7)
  expect(effectiveExecutions({ weight: 6, weightSquares: 12 })).toBe(3)
})
