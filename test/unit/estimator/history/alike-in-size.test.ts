import { describe, expect, test } from 'vitest'
import { logOf, type Point } from '../../../../services/estimator/domain/features/encoder.ts'
import { alikeInSize } from '../../../../services/estimator/domain/history/alike-in-size.ts'
import { beyondRange } from '../../../../services/estimator/domain/history/range.ts'
import { executionsAt, pointAt as rawPointAt } from '../../../support/points.ts'

const pointAt = (values: readonly (number | undefined)[]): Point => ({
  ...rawPointAt(values),
  logs: values.map((value) => value && logOf(value)),
})

const seen = executionsAt([9, 1, 10, 5, 4, 0, undefined].map((value) => pointAt([value])))

function alike(value: number | undefined, executions = seen) {
  const point = pointAt([value])
  const beyond = beyondRange(executions, point)
  return alikeInSize(executions, 0, beyond?.edge ?? point, beyond?.features[0] !== undefined)
}

describe('executions at least half as large as a query are alike in size', () => {
  test('within the range, and those at least as large are told', () => {
    expect(alike(9)).toEqual({ executions: 6, alike: 3, asLarge: 2 })
    expect(alike(8)).toEqual({ executions: 6, alike: 4, asLarge: 2 })
    expect(alike(10)).toEqual({ executions: 6, alike: 3, asLarge: 1 })
  })

  test('beyond it, those alike to the largest, however far it is', () => {
    expect(alike(11)).toEqual({ executions: 6, alike: 3, asLarge: 0 })
    expect(alike(1e9)).toEqual(alike(11))
  })

  test('what is larger than the largest by no more than rounding is as large', () => {
    expect(alike(10 * (1 + 5e-7))).toEqual(alike(10))
  })
})

test('without a size nothing is', () => {
  expect(alike(undefined)).toBeUndefined()
  expect(alike(0)).toBeUndefined()
})

test('in a series that grows as it goes nothing is unusually large', () => {
  const growing = executionsAt([1, 2, 4, 8, 16, 32].map((value) => pointAt([value])))
  expect(alike(60, growing)).toBeUndefined()
  expect(alike(1e3, growing)).toBeUndefined()
  expect(alike(32, growing)).toEqual({ executions: 6, alike: 2, asLarge: 1 })
})
