import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encoder, type Point } from '../../../../services/estimator/domain/features/encoder.ts'
import { neighbourSearch } from '../../../../services/estimator/domain/history/nearest-neighbours.ts'
import {
  addExecution,
  observedExecutions,
} from '../../../../services/estimator/domain/history/observed-executions.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

test('finds the five nearest, of equals the latest first, as a linear search would', () => {
  const anyInput = fc.option(fc.constantFrom(0, 1, 2, 5, 9, 1e6), { nil: undefined })
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 60 }), anyInput, (inputs, queried) => {
      const columns = encoder()
      columns.encode({ size: 1 }, {}, true)
      const pointOf = (size: number | undefined) =>
        columns.encode(size === undefined ? {} : { size }, {}, false)
      const executions = observedExecutions()
      const { find } = neighbourSearch()
      for (const [i, size] of inputs.entries())
        addExecution(executions, { point: pointOf(size), need: i + 1, runtimeMs: 1 })
      const point = pointOf(queried)
      const distance = (i: number) =>
        Math.abs((executions.points[i]?.logs[0] ?? Number.NaN) - (point.logs[0] ?? Number.NaN))
      const all = [...inputs.keys()].filter((i) => !Number.isNaN(distance(i)))
      const nearest = all.sort((a, b) => distance(a) - distance(b) || b - a).slice(0, 5)

      const { count, needs, distances } = find(executions, 0, point)
      expect([...needs.subarray(0, count)]).toEqual(nearest.map((i) => i + 1))
      expect([...distances.subarray(0, count)]).toEqual(nearest.map(distance))
    }),
  )
})

test('finds none without a column, and none where the query lacks the feature', () => {
  const executions = executionsAt([pointAt([1]), pointAt([2])])
  const { find } = neighbourSearch()
  expect(find(executions, 0, pointAt([1])).count).toBe(2)
  expect(find(executions, undefined, pointAt([1])).count).toBe(0)
  expect(find(executions, 0, pointAt([undefined])).count).toBe(0)
})

test('searches again for another point, for another column, and once there are more executions', () => {
  const executions = executionsAt([pointAt([1, 9]), pointAt([5, 2])], (i) => ({ need: i }))
  const { find } = neighbourSearch()
  const nearest = (column: number, point: Point) => find(executions, column, point).needs[0]
  const point = pointAt([1, 2])
  expect(nearest(0, point)).toBe(0)
  expect(nearest(0, pointAt([5, 2]))).toBe(1)
  expect(nearest(0, point)).toBe(0)
  expect(nearest(1, point)).toBe(1)
  addExecution(executions, { point, need: 2, runtimeMs: 1 })
  expect(nearest(1, point)).toBe(2)
})

test('of two at the same distance on either side the latest comes first', () => {
  const needsAround2 = (...xs: readonly number[]) => {
    const executions = executionsAt(
      xs.map((x) => pointAt([x])),
      (i) => ({ need: xs[i] as number }),
    )
    const { count, needs } = neighbourSearch().find(executions, 0, pointAt([2]))
    return [...needs.subarray(0, count)]
  }
  expect(needsAround2(1, 3)).toEqual([3, 1])
  expect(needsAround2(3, 1)).toEqual([1, 3])
})

test('finds no more executions than there are, also where all are at zero', () => {
  const { count, distances } = neighbourSearch().find(executionsAt([pointAt([0])]), 0, pointAt([0]))
  expect([...distances.subarray(0, count)]).toEqual([0])
})
