import { expect, test } from 'vitest'
import type { Point } from '../../../../services/estimator/domain/features/encoder.ts'
import { logRegression } from '../../../../services/estimator/domain/strategies/log-regression.ts'
import { learnerAfter, surroundingsWith } from '../../../support/learners.ts'
import { pointAt } from '../../../support/points.ts'

/** It looks at logarithms, never at values. */
const at = (...logs: readonly (number | undefined)[]): Point => ({ ...pointAt(logs), values: [] })

const predictAfter = (
  executions: readonly (readonly [x: number | undefined, logNeed: number])[],
  { column }: { readonly column: number | undefined } = { column: 0 },
) => {
  const learner = learnerAfter(
    logRegression,
    executions.map(([x, logNeed]) => [at(x), Math.exp(logNeed)] as const),
    surroundingsWith({ primaryColumn: () => column }),
  )
  return (x: number | undefined) => Math.log(learner.predict(at(x)) ?? 0)
}

const proportional = [0, 1, 2].map((x) => [x, x + 5] as const)

test('is the line through the means of the logarithms with slope sxy / (sxx + 10⁻²)', () => {
  const predict = predictAfter(proportional)
  expect(predict(1)).toBeCloseTo(6, 12)
  expect(predict(2)).toBeCloseTo(6 + 2 / 2.01, 12)
  expect(predict(0)).toBeCloseTo(6 - 2 / 2.01, 12)
})

test('leaves the needs seen by no more than a factor of two', () => {
  expect(predictAfter(proportional)(50)).toBeCloseTo(7.7, 12)
  expect(predictAfter(proportional)(-50)).toBeCloseTo(4.3, 12)
})

test('abstains before three executions, without an informative feature, and where the query lacks it', () => {
  const abstains = Number.NEGATIVE_INFINITY
  expect(predictAfter(proportional.slice(0, 2))(1)).toBe(abstains)
  expect(predictAfter([...proportional.slice(0, 2), [undefined, 5]])(1)).toBe(abstains)
  expect(predictAfter(proportional, { column: undefined })(1)).toBe(abstains)
  expect(predictAfter(proportional, { column: 3 })(1)).toBe(abstains)
  expect(predictAfter(proportional)(undefined)).toBe(abstains)
})
