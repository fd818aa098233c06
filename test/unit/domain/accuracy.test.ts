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
