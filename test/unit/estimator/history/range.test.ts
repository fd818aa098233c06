import fc from 'fast-check'
import { expect, test } from 'vitest'
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

/** Executions of one feature, and a query of it. */
function asked(seen: readonly (number | undefined)[], value: number | undefined) {
  const { encode } = encoder()
  const executions = observedExecutions()
  for (const a of seen) {
    const point = encode(a === undefined ? {} : { a }, {}, true)
    addExecution(executions, { point, need: 1, runtimeMs: 1, slow: 1, fast: 1 })
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

test('a point is beyond the range exactly where it is more than the largest seen, and as far', () => {
  const anySize = fc.option(fc.integer({ min: -3, max: 1000 }), { nil: undefined })
  fc.assert(
    fc.property(fc.array(anySize, { minLength: 1, maxLength: 10 }), anySize, (seen, value) => {
      const [executions, column, point] = asked(seen, value)
      const times = timesLargestSeen(executions, column, point)
      const beyond = beyondRange(executions, column, point)
      if (times === undefined || beyond === undefined) expect(beyond).toBe(times)
      else expect(beyond.distance).toBeCloseTo(Math.log(times), 9)
    }),
  )
})
