import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { neighbourSearch } from '../../../../services/estimator/domain/history/nearest-neighbours.ts'
import {
  addExecution,
  observedExecutions,
} from '../../../../services/estimator/domain/history/observed-executions.ts'

test('finds the five nearest, of equals the latest first, as a linear search would', () => {
  const anyInput = fc.option(fc.constantFrom(0, 1, 2, 5, 9, 1e6), { nil: undefined })
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 60 }), anyInput, (inputs, queried) => {
      const columns = encoder()
      columns.encode({ size: 1 }, {}, true)
      const pointOf = (size: number | undefined) =>
        columns.encode(size === undefined ? {} : { size }, {}, false)
      const executions = observedExecutions()
      const { find } = neighbourSearch(executions)
      for (const [i, size] of inputs.entries())
        addExecution(executions, { point: pointOf(size), need: i + 1, runtimeMs: 1, slow: 1, fast: 1 })
      const point = pointOf(queried)
      const distance = (i: number) =>
        Math.abs((executions.points[i]?.logs[0] ?? Number.NaN) - (point.logs[0] ?? Number.NaN))
      const all = [...inputs.keys()].filter((i) => !Number.isNaN(distance(i)))
      const nearest = all.sort((a, b) => distance(a) - distance(b) || b - a).slice(0, 5)

      const { count, needs, distances } = find(0, point)
      expect([...needs.subarray(0, count)]).toEqual(nearest.map((i) => i + 1))
      expect([...distances.subarray(0, count)]).toEqual(nearest.map(distance))
    }),
  )
})
