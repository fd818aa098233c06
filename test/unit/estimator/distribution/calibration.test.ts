import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addTransform,
  calibrated,
  calibration,
  rawFor,
} from '../../../../services/estimator/domain/distribution/calibration.ts'
import { anyShare } from '../../../support/distributions.ts'

test('is the identity while nothing is known, monotone always, and within 0 and 1', () => {
  fc.assert(
    fc.property(fc.array(anyShare, { maxLength: 96 }), anyShare, anyShare, (transforms, a, b) => {
      const record = calibration()
      expect(calibrated(record, a)).toBeCloseTo(a, 12)
      for (const transform of transforms) addTransform(record, transform)
      const [less, more] = [calibrated(record, Math.min(a, b)), calibrated(record, Math.max(a, b))]
      expect(0 <= less && less <= more && more <= 1).toBe(true)
    }),
  )
})

test('knows the least raw probability that is corrected to a wanted one', () => {
  fc.assert(
    fc.property(fc.array(anyShare, { maxLength: 96 }), anyShare, anyShare, (transforms, wanted, below) => {
      const record = calibration()
      for (const transform of transforms) addTransform(record, transform)
      const raw = rawFor(record, wanted)
      if (raw < 1) expect(calibrated(record, raw)).toBeGreaterThanOrEqual(wanted - 1e-9)
      if (raw > 1e-9) expect(calibrated(record, below * raw * (1 - 1e-6))).toBeLessThanOrEqual(wanted + 1e-9)
    }),
  )
})

test('learns that what was called 90 % sure came true in half of the cases', () => {
  const record = calibration()
  for (let i = 0; i < 90; i++) addTransform(record, i % 2 === 0 ? 0.5 : 0.95)

  expect(calibrated(record, 0.9)).toBeGreaterThan(0.45)
  expect(calibrated(record, 0.9)).toBeLessThan(0.65)
})

const calibrationAfter = (...transforms: readonly number[]) => {
  const record = calibration()
  for (const transform of transforms) addTransform(record, transform)
  return record
}

test('the raw probability is worth ten executions', () => {
  const record = calibrationAfter(0.5)
  expect(calibrated(record, 0.4)).toBeCloseTo(4 / 11, 12)
  expect(calibrated(record, 0.5)).toBeCloseTo((5 + 1) / 11, 12)
  expect(calibrated(record, 0.9)).toBeCloseTo((9 + 1) / 11, 12)
})

test('an execution is worth 3 % less after each one that follows', () => {
  expect(calibrated(calibrationAfter(0.2, 0.8), 0.5)).toBeCloseTo((5 + 0.97) / 11.97, 12)
  expect(calibrated(calibrationAfter(0.8, 0.2), 0.5)).toBeCloseTo((5 + 1) / 11.97, 12)
  expect(calibrated(calibrationAfter(0.8, 0.2), 0.8)).toBeCloseTo((8 + 1.97) / 11.97, 12)
  expect(calibrated(calibrationAfter(0.8, 0.2), 0.1)).toBeCloseTo(1 / 11.97, 12)
})

test('values are kept in ascending order, each with its weight', () => {
  const { values, weights } = calibrationAfter(0.5, 0.9, 0.1)
  expect(values).toEqual([0.1, 0.5, 0.9])
  expect(weights.map((weight) => weight / (weights[1] as number))).toEqual(
    [0.97 ** -2, 1, 0.97 ** -1].map((ratio) => expect.closeTo(ratio, 12)),
  )
})

test('the least raw probability lies below, at, or above what happened', () => {
  const record = calibrationAfter(0.5)
  // 0.4 × 11 = 4.4 of 10; 0.5 is reached by the execution at 0.5; 0.8 × 11 = 8.8, of which it is one.
  expect(rawFor(record, 0.4)).toBeCloseTo(0.44, 12)
  expect(rawFor(record, 0.5)).toBeCloseTo(0.5, 12)
  expect(rawFor(record, 0.8)).toBeCloseTo(0.78, 12)
  expect(rawFor(record, 0)).toBe(0)
  expect(rawFor(calibration(), 0.7)).toBeCloseTo(0.7, 12)
  expect(rawFor(calibrationAfter(0.5), 1.2)).toBe(1)
})
