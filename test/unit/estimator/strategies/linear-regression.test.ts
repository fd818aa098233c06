import { expect, test } from 'vitest'
import type { Point } from '../../../../services/estimator/domain/features/encoder.ts'
import { linearRegression } from '../../../../services/estimator/domain/strategies/linear-regression.ts'
import { learnerAfter, surroundingsWith } from '../../../support/learners.ts'
import { pointAt } from '../../../support/points.ts'

/** It looks at values, never at logarithms. */
const at = (...values: readonly (number | undefined)[]): Point => ({ ...pointAt(values), logs: [] })

const predictAfter = (
  executions: readonly (readonly [x: number | undefined, need: number])[],
  { column }: { readonly column: number | undefined } = { column: 0 },
) => {
  const learner = learnerAfter(
    linearRegression,
    executions.map(([x, need]) => [at(x), need] as const),
    surroundingsWith({ primaryColumn: () => column }),
  )
  return (x: number | undefined) => learner.predict(at(x))
}

const double = [1, 2, 3].map((x) => [x, 2 * x] as const)

test('is the line through the means with slope sxy / (sxx + 10⁻³·n·x̄²)', () => {
  // sxx = 2, sxy = 4, n = 3, x̄ = 2
  const slope = 4 / (2 + 0.001 * 3 * 4)
  const predict = predictAfter(double)
  expect(predict(2)).toBeCloseTo(4, 12)
  expect(predict(3)).toBeCloseTo(4 + slope, 12)
  expect(predict(1)).toBeCloseTo(4 - slope, 12)
})

test('leaves the needs seen by no more than a factor of two, also where the line falls below zero', () => {
  const predict = predictAfter(double)
  expect(predict(100)).toBeCloseTo(6 * Math.exp(0.7), 9)
  expect(predict(-100)).toBeCloseTo(2 * Math.exp(-0.7), 9)
  expect(predict(0)).toBeCloseTo(2 * Math.exp(-0.7), 9)
})

test('is the mean where the feature is always zero', () => {
  expect(predictAfter([2, 3, 7].map((need) => [0, need] as const))(5)).toBeCloseTo(4, 12)
})

test('abstains before three executions, without an informative feature, and where the query lacks it', () => {
  expect(predictAfter(double.slice(0, 2))(2)).toBeUndefined()
  expect(predictAfter([...double.slice(0, 2), [undefined, 5]])(2)).toBeUndefined()
  expect(predictAfter(double, { column: undefined })(2)).toBeUndefined()
  expect(predictAfter(double, { column: 3 })(2)).toBeUndefined()
  expect(predictAfter(double)(undefined)).toBeUndefined()
})

test('has nothing to say where no execution has the feature, even if the query has', () => {
  const learner = learnerAfter(
    linearRegression,
    [1, 2, 3].map((need) => [at(), need] as const),
    surroundingsWith({ primaryColumn: () => 0 }),
  )
  expect(learner.predict(at(1))).toBeUndefined()
})
