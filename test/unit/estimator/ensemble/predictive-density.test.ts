import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addResidual, widthsOf } from '../../../../services/estimator/domain/distribution/residuals.ts'
import type { EffectiveSample } from '../../../../services/estimator/domain/ensemble/effective-sample.ts'
import { experts, type Member, member } from '../../../../services/estimator/domain/ensemble/expert.ts'
import {
  evaluate,
  evaluations,
  expertPriors,
  measurePriors,
} from '../../../../services/estimator/domain/ensemble/predictive-density.ts'
import { priorMass, priorScale } from '../../../../services/estimator/domain/ensemble/prior.ts'
import {
  type SampleWeights,
  sampleWeights,
} from '../../../../services/estimator/domain/history/sample-weights.ts'
import { anyResidual, anyShare, anyWeight } from '../../../support/distributions.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

/** All experts have seen the same. */
function priorsOf(sample: EffectiveSample) {
  const priors = expertPriors()
  measurePriors({ slow: sample, fast: sample, slowLocal: sample, fastLocal: sample }, true, priors)
  return priors
}

function memberWith(values: readonly number[]): Member {
  const one = member('s', { observe() {}, predict: () => undefined })
  for (const [execution, value] of values.entries()) addResidual(one.residuals, value, execution)
  return one
}

/** Weights of as many executions, local where there are proximities. */
function weightsOf(
  slow: readonly number[],
  fast: readonly number[],
  proximity?: readonly number[],
): SampleWeights {
  const executions = executionsAt(slow.map(() => pointAt([])))
  const weights = sampleWeights(executions, undefined, undefined, pointAt([]), {
    slow: Float64Array.from(slow),
    fast: Float64Array.from(fast),
    proximity: new Float64Array(slow.length),
  })
  if (proximity === undefined) return weights
  return { ...weights, proximity: Float64Array.from(proximity), isLocal: true }
}

/** The area of a triangle of width 2 and height 1 up to u. */
const triangleUpTo = (u: number) =>
  u <= -1 ? 0 : u >= 1 ? 1 : u < 0 ? (1 + u) ** 2 / 2 : 1 - (1 - u) ** 2 / 2

test('before any residual is the prior, a Laplace distribution, and a broad one of 2 %', () => {
  const out = evaluations()
  const none = { total: 0, executions: 0 }
  for (const [x, laplaceBelow] of [
    [0.3, 1 - 0.5 / Math.E],
    [-0.3, 0.5 / Math.E],
  ] as const) {
    evaluate(memberWith([]), weightsOf([], []), x, priorsOf(none), true, out)
    // The prior's scale is 0.3, the broad one's 1.
    expect(out.densities[0]).toBeCloseTo((0.98 * 0.5) / Math.E / 0.3 + 0.02 * 0.5 * Math.exp(-0.3), 12)
    expect(out.cumulatives[0]).toBeCloseTo(laplaceBelow, 12)
    expect(new Set(out.densities).size).toBe(1)
    expect(new Set(out.cumulatives).size).toBe(1)
  }
})

test('is the kernel density of the residuals with the prior, under each weighting', () => {
  const anyPoint = fc.tuple(anyResidual, anyWeight, anyWeight, anyShare)
  const close = fc.double({ min: -1, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyPoint, fc.tuple(close, anyWeight, anyWeight, anyShare)), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.oneof(anyResidual, close),
      fc.boolean(),
      (points, x, isLocal) => {
        const one = memberWith(points.map(([value]) => value))
        const [slow, fast, near] = ([1, 2, 3] as const).map((k) => points.map((point) => point[k])) as [
          number[],
          number[],
          number[],
        ]
        const weights = weightsOf(slow, fast, isLocal ? near : undefined)
        const sample = { total: 5, executions: 4 }
        const out = evaluations()
        evaluate(one, weights, x, priorsOf(sample), true, out)

        const { values, execution, count } = one.residuals
        const widths = widthsOf(one.residuals)
        const [mass, scale] = [priorMass(sample), 0.5 * priorScale(sample)]
        const tail = 0.5 * Math.exp(-Math.abs(x) / scale)
        for (const [expert, { weighting, isLocal: isNear }] of experts.entries()) {
          let [at, below] = [0, 0]
          for (let i = 0; i < count; i++) {
            const e = execution[i] as number
            const forgotten = (weighting.startsWith('slow') ? slow : fast)[e] as number
            const weight = isNear && isLocal ? forgotten * (near[e] as number) : forgotten
            const reach = 1.5 * (widths[i] as number)
            const u = (x - (values[i] as number)) / reach
            at += (weight * Math.max(0, 1 - Math.abs(u))) / reach
            below += weight * triangleUpTo(u)
          }
          const density = (at + (mass * tail) / scale) / (5 + mass)
          const cumulative = (below + mass * (x < 0 ? tail : 1 - tail)) / (5 + mass)
          const expected = 0.98 * density + 0.01 * Math.exp(-Math.abs(x))
          expect((out.densities[expert] as number) / expected).toBeCloseTo(1, 9)
          expect((out.cumulatives[expert] as number) - cumulative).toBeCloseTo(0, 6)
        }
      },
    ),
  )
})

test('each residual is a triangle that reaches one and a half of its widths', () => {
  // Both are 0.03 wide and reach 0.045.
  const one = memberWith([0, 0.1])
  const weights = weightsOf([1, 2], [3, 4], [0.5, 0.25])
  const sample = { total: 10, executions: 0 }
  const evaluatedAt = (x: number) => {
    const out = evaluations()
    evaluate(one, weights, x, priorsOf(sample), true, out)
    // The prior's mass is 1, its scale 0.3.
    const tail = 0.5 * Math.exp(-x / 0.3)
    return experts.map((_, expert) => {
      const at = (((out.densities[expert] as number) - 0.01 * Math.exp(-x)) / 0.98) * 11 - tail / 0.3
      const below = (out.cumulatives[expert] as number) * 11 - (1 - tail)
      return [at, below].map((value) => Number(value.toFixed(9)))
    })
  }
  const at = (height: number) => Number((height / 0.045).toFixed(9))
  // Half way up from the first one.
  expect(evaluatedAt(0.0225)).toEqual([
    [at(0.5), 0.875],
    [at(1.5), 2.625],
    [at(0.25), 0.4375],
    [at(0.75), 1.3125],
  ])
  // Beyond the first one, half way up to the second.
  expect(evaluatedAt(0.0775)).toEqual([
    [at(1), 1.25],
    [at(2), 3.5],
    [at(0.25), 0.5625],
    [at(0.5), 1.625],
  ])
  // Beyond both.
  expect(evaluatedAt(0.2)).toEqual([
    [0, 3],
    [0, 7],
    [0, 1],
    [0, 2.5],
  ])
})

test('without proximities a local expert is the plain one', () => {
  const out = evaluations()
  evaluate(memberWith([0]), weightsOf([1], [2]), 0, priorsOf({ total: 1, executions: 1 }), true, out)
  expect([...out.densities.subarray(2)]).toEqual([...out.densities.subarray(0, 2)])
  expect([...out.cumulatives.subarray(2)]).toEqual([...out.cumulatives.subarray(0, 2)])
})

test('the densities are the same whether or not the cumulatives are wanted', () => {
  const [withThem, without] = [evaluations(), evaluations()]
  const priors = priorsOf({ total: 3, executions: 3 })
  const weights = weightsOf([1, 1, 1], [1, 1, 1], [1, 1, 1])
  evaluate(memberWith([-0.5, 0, 0.1]), weights, 0.02, priors, true, withThem)
  evaluate(memberWith([-0.5, 0, 0.1]), weights, 0.02, priors, false, without)
  expect(without.densities).toEqual(withThem.densities)
})
