import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { confidenceOf, estimateOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

const evidenceOf = (points: readonly (readonly [input: number, need: number])[]): Evidence => {
  const history = points.map(([input, memoryBytes], i) =>
    execution(`e${i}`, { features: { input_bytes: input }, used: { memoryBytes } }),
  )
  return evidenceOfTask(learned(profileOf(history)))
}

const answer = (evidence: Evidence, input: number, policy: Partial<Policy> = {}) => {
  const query = queryOf({ features: { input_bytes: input }, policy })
  const memory = estimateOf(query, evidence).dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  if (memory === undefined) throw new Error('no memory')
  return memory
}

const confidence = (evidence: Evidence, input: number, memoryBytes: number) =>
  confidenceOf(queryOf({ features: { input_bytes: input } }), { memoryBytes }, evidence).confidence

/** 60 inputs from 1 to 100 MB, in no order, with three per cent of scatter. */
const following = (law: (input: number) => number) =>
  evidenceOf(
    Array.from({ length: 60 }, (_, i) => {
      const input = 1e6 * (1 + ((i * 37) % 100))
      return [input, law(input) * (1 + 0.03 * Math.sin(i * 99))] as const
    }),
  )

describe('a need that follows a law is predicted far beyond the range', () => {
  test.each([
    ['grows with the input', (x: number) => 1e8 + 3 * x],
    ['grows with its square', (x: number) => 1e-7 * x * x],
    ['grows with its root', (x: number) => 1e5 * Math.sqrt(x)],
    ['does not depend on it', () => 5e8],
  ])('one that %s', (_, law) => {
    const { allocation } = answer(following(law), 1e9)
    expect(allocation).toBeGreaterThan(law(1e9))
    expect(allocation).toBeLessThan(2 * law(1e9))
  })
})

test('the farther beyond the range, the less sure an amount', () => {
  const history = fc.array(fc.tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1e6, max: 1e11 })), {
    minLength: 1,
    maxLength: 30,
  })
  const times = fc.double({ min: 1.0001, max: 1e4, noNaN: true })
  fc.assert(
    fc.property(history, times, times, fc.integer({ min: 1e6, max: 1e12 }), (points, one, other, amount) => {
      const evidence = evidenceOf(points)
      const largest = Math.max(...points.map(([input]) => input))
      const [near, far] = [Math.min(one, other), Math.max(one, other)]
      const sure = confidence(evidence, near * largest, amount)
      expect(confidence(evidence, far * largest, amount)).toBeLessThanOrEqual(sure + 1e-9)
    }),
    { numRuns: 200 },
  )
})

test('a target coverage is met beyond the range too', () => {
  const evidence = following((x) => 1e8 + 3 * x)
  for (const targetCoverage of [0.5, 0.9, 0.99])
    expect(answer(evidence, 1e9, { targetCoverage }).confidence).toBeGreaterThanOrEqual(targetCoverage)
})

test('beyond the range an amount is less sure where inputs have hardly varied', () => {
  const narrow = evidenceOf(
    Array.from({ length: 60 }, (_, i) => [1e8 + 1e4 * i, 1e9 * (1 + 0.2 * Math.sin(i * 99))] as const),
  )
  const wide = evidenceOf(
    Array.from({ length: 60 }, (_, i) => [1e6 * (1 + i), 1e9 * (1 + 0.2 * Math.sin(i * 99))] as const),
  )
  expect(answer(narrow, 1.3e8).confidence).toBeLessThan(answer(wide, 7.8e7).confidence)
})
