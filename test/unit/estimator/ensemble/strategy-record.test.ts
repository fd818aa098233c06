import { expect, test } from 'vitest'
import { verdict } from '../../../../services/estimator/domain/ensemble/strategy-record.ts'
import type { StrategyAccuracy } from '../../../../shared/domain/profile.ts'

const figures = {
  variant: '',
  weight: 20,
  weightSquares: 20,
  coverage: 0.5,
  relativeErrorVariance: 0,
  wastage: 0,
  cost: 0,
  costVariance: 0,
  brier: 0,
  meanConfidence: 0,
  calibration: [],
}

const entry = (
  strategy: string,
  relativeError: number,
  executions = 30,
  more: Partial<StrategyAccuracy> = {},
): StrategyAccuracy => ({
  ...figures,
  strategy,
  dimension: 'memoryBytes',
  executions,
  relativeError,
  ...more,
})

test('a record is poor where it is bad and the ensemble’s is not; too short a one gives no verdict', () => {
  const of = (own: number, ensemble: number, executions?: number) =>
    verdict([entry('s', own, executions), entry('foresize', ensemble)], 's', 'memoryBytes')

  expect(of(10, 0.5)).toBe('poor')
  expect(of(10, 5)).toBe('good')
  expect(of(1, 0.1)).toBe('good')
  expect(of(10, 0.5, 5)).toBeUndefined()
  expect(verdict([entry('s', 10)], 's', 'memoryBytes')).toBeUndefined()
})
