import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { doubtAt } from '../../../../services/estimator/domain/distribution/doubt.ts'
import {
  grown,
  growthAt,
  growthWorkspace,
} from '../../../../services/estimator/domain/distribution/growth.ts'
import { growthLawsOf } from '../../../../services/estimator/domain/ensemble/dimension-model.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import type { Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import { extrapolate } from '../../../../services/estimator/domain/estimate/extrapolation.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import { listed, weighed } from '../../../support/distributions.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { always, modelAfter } from '../../../support/models.ts'
import { pointAt } from '../../../support/points.ts'
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

describe('an outlook beyond the range', () => {
  const linear = modelAfter(
    [1, 2, 4, 8].map((value) => ({ point: pointAt([value]), need: value * 1e9 })),
    { registry: { one: always(1e9) } },
  )
  const beyond = { column: 0, distance: Math.log(3), edge: pointAt([8]) }
  const tail = { chance: 0.1, largest: 8e9, room: 0.5 }
  const cost = { timeToFailure: 1, patience: 0.5, restart: 2, restartAmount: 5e8 }
  const edge = {
    need: { distribution: weighed([[Math.log(4e9), 1]]), tail },
    failureCost: { ...cost, largest: 9e9 },
    growthFactor: 1,
  }
  const record = growthLawsOf(linear, 0)
  const { factor } = growthAt(record, Math.log(3), growthWorkspace())

  test('has grown by what the record supports, and so has what a failure costs', () => {
    const { failureCost, growthFactor } = extrapolate(edge, beyond, linear, createWorkspace())
    expect(growthFactor).toBe(factor)
    // Three times the value: a need that is as the value is three times as large.
    expect(factor).toBeCloseTo(3, 0)
    expect(failureCost).toEqual({
      ...cost,
      largest: 9e9 * factor,
      typicalNeed: expect.closeTo(4e9 * factor, -2),
    })
  })

  test('keeps its tail, is grown as a distribution, and is doubted from the largest need seen on', () => {
    const { need } = extrapolate(edge, beyond, linear, createWorkspace())
    const workspace = growthWorkspace()
    const expected = grown(edge.need.distribution, growthAt(record, Math.log(3), workspace), workspace)
    expect(listed(need.distribution)).toEqual(listed(expected))
    expect(need.tail).toBe(tail)
    expect(need.doubt).toEqual(doubtAt(record, Math.log(3), 8e9))
  })
})
