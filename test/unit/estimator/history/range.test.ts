import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import {
  addExecution,
  observedExecutions,
} from '../../../../services/estimator/domain/history/observed-executions.ts'
import {
  beyondRange,
  farthest,
  timesLargestSeen,
} from '../../../../services/estimator/domain/history/range.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

/** Executions of one feature, and a query of it. */
function asked(seen: readonly (number | undefined)[], value: number | undefined) {
  const { encode } = encoder()
  const executions = observedExecutions()
  for (const a of seen) {
    const point = encode(a === undefined ? {} : { a }, {}, true)
    addExecution(executions, { point, need: 1, runtimeMs: 1 })
  }
  return [executions, 0, encode(value === undefined ? {} : { a: value }, {}, false)] as const
}

test.each([
  [[1, 4, 2], 8, 2],
  [[1, undefined, 4], 6, 1.5],
  [[1, 4, 2], 4, undefined],
  [[1, 4, 2], undefined, undefined],
  [[-4, -2], 5, undefined],
  [[0], 5, undefined],
  [[1], 1e300, Math.exp(farthest)],
])('after %j, %d is %d times the largest', (seen, value, times) => {
  expect(timesLargestSeen(...asked(seen, value))).toBe(times)
})

test('of few executions, a point is beyond the range exactly where it is more than the largest seen, and as far', () => {
  const anySize = fc.option(fc.integer({ min: -3, max: 1000 }), { nil: undefined })
  fc.assert(
    fc.property(fc.array(anySize, { minLength: 1, maxLength: 4 }), anySize, (seen, value) => {
      const [executions, column, point] = asked(seen, value)
      const times = timesLargestSeen(executions, column, point)
      const beyond = beyondRange(executions, column, point)
      if (times === undefined || beyond === undefined) expect(beyond).toBe(times)
      else expect(beyond.distance).toBeCloseTo(Math.log(times), 9)
    }),
  )
})

test('beyond the range a query is at its edge, with its other features and its labels', () => {
  const executions = executionsAt([pointAt([3, 1]), pointAt([5, 2]), pointAt([undefined, 9])])
  expect(beyondRange(executions, 0, pointAt([10, 7], { tool: 'x' }))).toEqual({
    column: 0,
    distance: expect.closeTo(Math.log(2), 12),
    advance: 0,
    edge: { ...pointAt([5, 7], { tool: 'x' }), logs: [Math.log(6), 7] },
  })
})

test('the edge has the logarithm that the encoder gave to the largest value', () => {
  const [executions, column, point] = asked([1, 4, 2], 8)
  const { edge } = beyondRange(executions, column, point) ?? {}
  expect(edge).toEqual(asked([4], 4)[2])
})

describe('in a series that grows as it goes', () => {
  /** Each 2 % larger than the one before. */
  const growing = Array.from({ length: 9 }, (_, i) => 100 * 1.02 ** i)
  const largest = growing.at(-1) ?? 0

  test('a query is beyond the range where it is farther beyond the largest than the executions usually were', () => {
    expect(beyondRange(...asked(growing, 1.02 * largest))).toBeUndefined()
    expect(beyondRange(...asked(growing, 1.03 * largest))).toEqual({
      column: 0,
      distance: expect.closeTo(Math.log(1.03), 9),
      advance: expect.closeTo(Math.log(1.02), 9),
      edge: expect.objectContaining({ values: [expect.closeTo(1.02 * largest, 6)] }),
    })
  })

  test('which is the median: of executions that mostly came from within, none', () => {
    const mixed = [...growing, ...growing]
    expect(beyondRange(...asked(mixed, 1.02 * largest))).toMatchObject({ advance: 0 })
    expect(beyondRange(...asked(mixed.slice(0, 16), 1.02 * largest))).toMatchObject({ advance: 0 })
    expect(beyondRange(...asked(mixed.slice(0, 15), 1.02 * largest))).toBeUndefined()
    expect(beyondRange(...asked([9, 1, 10, 2, 11, 3, 12, 13], 20))?.advance).toBeCloseTo(0, 12)
  })

  test('of four executions it is not told', () => {
    expect(beyondRange(...asked(growing.slice(-4), 1.02 * largest))).toMatchObject({ advance: 0 })
    expect(beyondRange(...asked(growing.slice(-5), 1.02 * largest))).toBeUndefined()
  })

  test.each([[undefined], [0], [-5]])('executions of which the feature is %d are passed over', (other) => {
    const sparse = growing.flatMap((value) => [value, other, other])
    expect(beyondRange(...asked(sparse, 1.02 * largest))).toBeUndefined()
    expect(beyondRange(...asked(sparse, 1.03 * largest))?.advance).toBeCloseTo(Math.log(1.02), 9)
  })
})

test('a query is beyond no range where no column is informative, or no execution had it', () => {
  const executions = executionsAt([pointAt([3]), pointAt([5])])
  expect(beyondRange(executions, undefined, pointAt([10]))).toBeUndefined()
  expect(beyondRange(executions, 1, pointAt([10, 10]))).toBeUndefined()
  expect(beyondRange(executionsAt([]), 0, pointAt([10]))).toBeUndefined()
  expect(timesLargestSeen(executionsAt([]), 0, pointAt([10]))).toBeUndefined()
})

test('what is beyond e^20 times the largest is as far', () => {
  expect(beyondRange(...asked([1], 1e300))?.distance).toBe(20)
  expect(beyondRange(...asked([1], Math.exp(19)))?.distance).toBeCloseTo(19, 9)
  expect(timesLargestSeen(...asked([1], 1e300))).toBe(Math.exp(20))
})
