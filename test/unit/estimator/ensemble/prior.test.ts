import { expect, test } from 'vitest'
import {
  censoredPriors,
  priorMass,
  priorScale,
} from '../../../../services/estimator/domain/ensemble/prior.ts'

const boundAt = (above: number, weight = 1, surprise = 1) => ({ above: Math.log(above), weight, surprise })

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
  expect(censoredPriors([boundAt(1e9, 0.5, 20)], 0)[0]?.share).toBeCloseTo(0.3 * 0.5 * 20, 12)
})
