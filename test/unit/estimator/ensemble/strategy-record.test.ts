import { expect, test } from 'vitest'
import { verdictsOf } from '../../../../services/estimator/domain/ensemble/strategy-record.ts'
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

const verdictOf = (...accuracy: readonly StrategyAccuracy[]) => verdictsOf(accuracy)('s', 'memoryBytes')

test('a record is poor where it is bad and the ensemble’s is not; too short a one gives no verdict', () => {
  const of = (own: number, ensemble: number, executions?: number) =>
    verdictOf(entry('s', own, executions), entry('foresize', ensemble))

  expect(of(10, 0.5)).toBe('poor')
  expect(of(10, 5)).toBe('good')
  expect(of(1, 0.1)).toBe('good')
  expect(of(10, 0.5, 5)).toBeUndefined()
  expect(verdictOf(entry('s', 10))).toBeUndefined()
})

test('an error is poor above 3 and above four times the ensemble’s', () => {
  expect(verdictOf(entry('s', 3), entry('foresize', 0.1))).toBe('good')
  expect(verdictOf(entry('s', 3.01), entry('foresize', 0.1))).toBe('poor')
  expect(verdictOf(entry('s', 8), entry('foresize', 2))).toBe('good')
  expect(verdictOf(entry('s', 8.01), entry('foresize', 2))).toBe('poor')
})

test('a record says something from twenty executions on, with any weight left', () => {
  expect(verdictOf(entry('s', 9, 19), entry('foresize', 1))).toBeUndefined()
  expect(verdictOf(entry('s', 9, 20), entry('foresize', 1))).toBe('poor')
  expect(verdictOf(entry('s', 9), entry('foresize', 1, 19))).toBeUndefined()
  expect(verdictOf(entry('s', 9, 30, { weight: 0 }), entry('foresize', 1))).toBeUndefined()
})

test('variants of a strategy count together, by their weights; other strategies and dimensions do not', () => {
  const ensemble = entry('foresize', 1)
  const two = (weight: number) => [
    entry('s', 1, 10, { variant: 'a', weight: 1 }),
    entry('s', 7, 10, { variant: 'b', weight }),
  ]
  // (1 + 7) / 2 is not above 4, (1 + 2 · 7) / 3 is.
  expect(verdictOf(...two(1), ensemble)).toBe('good')
  expect(verdictOf(...two(2), ensemble)).toBe('poor')
  expect(verdictOf(entry('t', 9), ensemble)).toBeUndefined()
  expect(verdictOf(entry('s', 9, 30, { dimension: 'diskBytes' }), ensemble)).toBeUndefined()
})
