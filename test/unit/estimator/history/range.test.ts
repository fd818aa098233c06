import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encoder, type Point } from '../../../../services/estimator/domain/features/encoder.ts'
import {
  addExecution,
  type ObservedExecutions,
  observedExecutions,
} from '../../../../services/estimator/domain/history/observed-executions.ts'
import {
  beyondRange,
  farthest,
  timesLargestSeen,
} from '../../../../services/estimator/domain/history/range.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

/** Along the one feature that a query is beyond the range of. */
const beyondOne = (executions: ObservedExecutions, _column: number, point: Point) =>
  beyondRange(executions, point)?.features[0]

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
      const beyond = beyondOne(executions, column, point)
      if (times === undefined || beyond === undefined) expect(beyond).toBe(times)
      else expect(beyond.distance).toBeCloseTo(Math.log(times), 9)
    }),
  )
})

test('beyond the range a query is at its edge, with its other features and its labels', () => {
  const executions = executionsAt([pointAt([3, 1]), pointAt([5, 2]), pointAt([undefined, 9])])
  expect(beyondRange(executions, pointAt([10, 7], { tool: 'x' }))).toEqual({
    features: [{ column: 0, distance: expect.closeTo(Math.log(2), 12), advance: 0 }],
    edge: { ...pointAt([5, 7], { tool: 'x' }), logs: [Math.log(6), 7] },
  })
})

test('beyond the ranges of several features it is at the edge of each', () => {
  const executions = executionsAt([pointAt([3, 1, 4]), pointAt([5, 2, -1])])
  expect(beyondRange(executions, pointAt([10, 6, 4]))).toEqual({
    features: [
      { column: 0, distance: expect.closeTo(Math.log(2), 12), advance: 0 },
      { column: 1, distance: expect.closeTo(Math.log(3), 12), advance: 0 },
    ],
    edge: { ...pointAt([5, 2, 4]), logs: [Math.log(6), Math.log(3), 4] },
  })
})

test('what is beyond by no more than rounding is at the edge', () => {
  const executions = executionsAt([pointAt([3, 1]), pointAt([5, 2])])
  const edge = { ...pointAt([5, 1]), logs: [Math.log(6), 1] }
  expect(beyondRange(executions, pointAt([5 * (1 + 1e-9), 1]))).toEqual({ features: [], edge })
  expect(beyondRange(executions, pointAt([5, 1]))).toBeUndefined()
})

test('the edge has the logarithm that the encoder gave to the largest value', () => {
  const [executions, , point] = asked([1, 4, 2], 8)
  expect(beyondRange(executions, point)?.edge).toEqual(asked([4], 4)[2])
})

describe('in a series that grows as it goes', () => {
  /** Each 2 % larger than the one before. */
  const growing = Array.from({ length: 9 }, (_, i) => 100 * 1.02 ** i)
  const largest = growing.at(-1) ?? 0

  test('a query is beyond the range where it is farther beyond the largest than the executions usually were', () => {
    expect(beyondOne(...asked(growing, 1.02 * largest))).toBeUndefined()
    const [executions, , point] = asked(growing, 1.03 * largest)
    expect(beyondRange(executions, point)).toEqual({
      features: [
        {
          column: 0,
          distance: expect.closeTo(Math.log(1.03), 9),
          advance: expect.closeTo(Math.log(1.02), 9),
        },
      ],
      edge: expect.objectContaining({ values: [expect.closeTo(1.02 * largest, 6)] }),
    })
  })

  test('which is the median: of executions that mostly came from within, none', () => {
    const mixed = [...growing, ...growing]
    expect(beyondOne(...asked(mixed, 1.02 * largest))).toMatchObject({ advance: 0 })
    expect(beyondOne(...asked(mixed.slice(0, 16), 1.02 * largest))).toMatchObject({ advance: 0 })
    expect(beyondOne(...asked(mixed.slice(0, 15), 1.02 * largest))).toBeUndefined()
    expect(beyondOne(...asked([9, 1, 10, 2, 11, 3, 12, 13], 20))?.advance).toBeCloseTo(0, 12)
  })

  test('of four executions it is not told', () => {
    expect(beyondOne(...asked(growing.slice(-4), 1.02 * largest))).toMatchObject({ advance: 0 })
    expect(beyondOne(...asked(growing.slice(-5), 1.02 * largest))).toBeUndefined()
  })

  test.each([[undefined], [0], [-5]])('executions of which the feature is %d are passed over', (other) => {
    const sparse = growing.flatMap((value) => [value, other, other])
    expect(beyondOne(...asked(sparse, 1.02 * largest))).toBeUndefined()
    expect(beyondOne(...asked(sparse, 1.03 * largest))?.advance).toBeCloseTo(Math.log(1.02), 9)
  })
})

test('a query is beyond no range where no execution had the feature', () => {
  const executions = executionsAt([pointAt([3]), pointAt([5])])
  expect(beyondRange(executions, pointAt([4, 10]))).toBeUndefined()
  expect(beyondRange(executionsAt([]), pointAt([10]))).toBeUndefined()
  expect(timesLargestSeen(executionsAt([]), 0, pointAt([10]))).toBeUndefined()
})

test('what is beyond e^20 times the largest is as far', () => {
  expect(beyondOne(...asked([1], 1e300))?.distance).toBe(20)
  expect(beyondOne(...asked([1], Math.exp(19)))?.distance).toBeCloseTo(19, 9)
  expect(timesLargestSeen(...asked([1], 1e300))).toBe(Math.exp(20))
})
