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
