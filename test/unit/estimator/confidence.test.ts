import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  calibrated,
  calibration,
  observeRank,
  rawFor,
} from '../../../services/estimator/domain/calibration.ts'
import { around } from '../../../services/estimator/domain/mixture.ts'
import { covering, type Need, sufficient } from '../../../services/estimator/domain/need.ts'
import { anyAmount, anyDistribution, anyShare } from '../../support/distributions.ts'

describe('calibration', () => {
  test('is the identity while nothing is known, monotone always, and within 0 and 1', () => {
    fc.assert(
      fc.property(fc.array(anyShare, { maxLength: 96 }), anyShare, anyShare, (ranks, a, b) => {
        const record = calibration()
        expect(calibrated(record, a)).toBeCloseTo(a, 12)
        for (const rank of ranks) observeRank(record, rank)
        const [less, more] = [calibrated(record, Math.min(a, b)), calibrated(record, Math.max(a, b))]
        expect(0 <= less && less <= more && more <= 1).toBe(true)
      }),
    )
  })

  test('says which raw probability is corrected to a wanted one, and none less is', () => {
    fc.assert(
      fc.property(fc.array(anyShare, { maxLength: 96 }), anyShare, anyShare, (ranks, wanted, below) => {
        const record = calibration()
        for (const rank of ranks) observeRank(record, rank)
        const raw = rawFor(record, wanted)
        if (raw < 1) expect(calibrated(record, raw)).toBeGreaterThanOrEqual(wanted - 1e-9)
        if (raw > 1e-9)
          expect(calibrated(record, below * raw * (1 - 1e-6))).toBeLessThanOrEqual(wanted + 1e-9)
      }),
    )
  })

  test('learns that what was called 90 % sure came true in half of the cases', () => {
    const record = calibration()
    for (let i = 0; i < 90; i++) observeRank(record, i % 2 === 0 ? 0.5 : 0.95)

    expect(calibrated(record, 0.9)).toBeGreaterThan(0.45)
    expect(calibrated(record, 0.9)).toBeLessThan(0.65)
  })
})

describe('confidence in an amount', () => {
  const anyNeed: fc.Arbitrary<Need> = fc.record({
    distribution: anyDistribution,
    calibration: fc.constant(undefined),
    above: fc.oneof(fc.constant(0), anyAmount),
    unforeseen: fc.record({ chance: anyShare, largest: anyAmount, room: anyShare }),
  })

  test('grows with the amount, and is none at or below what is known not to suffice', () => {
    fc.assert(
      fc.property(anyNeed, anyAmount, anyAmount, (need, a, b) => {
        const [less, more] = [sufficient(need, Math.min(a, b)), sufficient(need, Math.max(a, b))]
        expect(less).toBeLessThanOrEqual(more + 1e-12)
        expect(less >= 0 && more <= 1).toBe(true)
        if (need.above > 0) expect(sufficient(need, need.above)).toBe(0)
      }),
    )
  })

  test('reaches any target below one at the amount that is said to cover it', () => {
    fc.assert(
      fc.property(anyNeed, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (need, target) => {
        const fresh = { ...need, above: 0 }
        expect(sufficient(fresh, covering(fresh, target))).toBeGreaterThanOrEqual(target)
      }),
    )
  })

  test('is lower the fewer executions there were', () => {
    const distribution = around([[0, 1]], Math.log(1e9))
    const confidenceAfter = (executions: number) =>
      sufficient(
        {
          distribution,
          calibration: undefined,
          above: 0,
          unforeseen: { chance: 1 / executions, largest: 1e9, room: 0.1 },
        },
        1e9,
      )
    expect(confidenceAfter(1)).toBeLessThan(confidenceAfter(2))
    expect(confidenceAfter(2)).toBeLessThan(confidenceAfter(50))
  })
})
