import { expect, test } from 'vitest'
import { usualSpread } from '../../../../services/estimator/domain/distribution/tail.ts'
import {
  type Bound,
  censoredPriors as censoredPriorsOf,
  priorMass,
  priorScale,
} from '../../../../services/estimator/domain/ensemble/prior.ts'

const boundAt = (above: number, weight = 1, surprise = 1, ordinary = surprise): Bound => ({
  above: Math.log(above),
  weight,
  surprise,
  ordinary,
})
const censoredPriors = (bounds: readonly Bound[], observed: number, spread = usualSpread) =>
  censoredPriorsOf(bounds, observed, spread)

test('the prior of a killed attempt lies above it, and counts for less the more executions were observed', () => {
  const shareAmong = (observed: number) => censoredPriors([boundAt(1e9)], observed)[0]?.share ?? 0
  expect(censoredPriors([boundAt(1e9)], 0)[0]?.at).toBeGreaterThan(Math.log(1e9))
  expect(shareAmong(0)).toBeGreaterThan(shareAmong(5))
  expect(shareAmong(5)).toBeGreaterThan(shareAmong(50) - 1e-12)
})

test('is worth half an average execution, and narrows with how many there are', () => {
  expect(priorMass({ total: 6, executions: 3 })).toBe(1)
  expect(priorMass({ total: 6, executions: 1 })).toBe(3)
  expect(priorMass({ total: 0, executions: 0 })).toBe(1)
  expect(priorScale({ total: 0, executions: 0 })).toBe(0.6)
  expect(priorScale({ total: 9, executions: 10 })).toBeCloseTo(0.3, 12)
})

test('a killed attempt adds a peak 15 % above it, of a share that halves over ten executions', () => {
  expect(censoredPriors([boundAt(1e9), boundAt(2e9, 0.5)], 0)).toEqual([
    { at: Math.log(1e9) + 0.15, scale: 0.5, share: 0.3 },
    { at: Math.log(2e9) + 0.15, scale: 0.5, share: 0.15 },
  ])
  expect([5, 10, 50].map((observed) => censoredPriors([boundAt(1e9)], observed)[0]?.share)).toEqual(
    [0.2, 0.15, 0.15].map((share) => expect.closeTo(share, 12)),
  )
})

test('the share grows with how much rarer the kill was than expected', () => {
  const shares = censoredPriors([boundAt(1e9, 0.5, 20)], 0).map(({ share }) => share)
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(0.3 * 0.5 * 20, 12)
})

test('what scatter explains of a kill lies as close above as the largest needs lie together, from its bound on', () => {
  const [peak, ...others] = censoredPriors([boundAt(1e9, 1, 3)], 0, 0.1 * usualSpread)
  expect(others).toEqual([])
  expect(peak).toEqual({
    at: expect.closeTo(Math.log(1e9) + 0.015, 12),
    scale: expect.closeTo(0.05, 12),
    share: expect.closeTo(0.9, 12),
  })
})

test('what of a kill is surprising tells not how far needs go', () => {
  const [near, far] = censoredPriors([boundAt(1e9, 1, 10, 3)], 0, 0.1 * usualSpread)
  expect(near).toEqual(censoredPriors([boundAt(1e9, 1, 3)], 0, 0.1 * usualSpread)[0])
  expect(far).toEqual({ at: Math.log(1e9) + 0.15, scale: 0.5, share: expect.closeTo(0.3 * 7, 12) })
})

test('what scatter explains nothing of, such as the use of what still runs, lies as far above as ever', () => {
  expect(censoredPriors([boundAt(1e9, 1, 1, 0)], 0, 0.1 * usualSpread)).toEqual(
    censoredPriors([boundAt(1e9)], 0),
  )
})

test('of needs that lie further apart than usual a kill tells no more than of others', () => {
  expect(censoredPriors([boundAt(1e9)], 0, 7 * usualSpread)).toEqual(censoredPriors([boundAt(1e9)], 0))
})
