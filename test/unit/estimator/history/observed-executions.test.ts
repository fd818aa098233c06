import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addExecution,
  observedExecutions,
  orderedBy,
  valuesOf,
} from '../../../../services/estimator/domain/history/observed-executions.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

test('keeps every execution as it was given, however many there are', () => {
  const executions = observedExecutions()
  const points = Array.from({ length: 100 }, (_, i) => pointAt([i]))
  for (const [i, point] of points.entries()) addExecution(executions, { point, need: i, runtimeMs: 2 * i })

  const expected = (factor: number) => Array.from({ length: 100 }, (_, i) => factor * i)
  const { count, needs, runtimesMs } = executions
  expect(count).toBe(100)
  expect(executions.points).toEqual(points)
  expect([...needs.subarray(0, count)]).toEqual(expected(1))
  expect([...runtimesMs.subarray(0, count)]).toEqual(expected(2))
})

const anyColumns = fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }), {
  minLength: 2,
  maxLength: 2,
})

test('is ordered by any column, equal values in order of arrival, also as executions are added', () => {
  const anyColumn = fc.constantFrom(0, 1)
  fc.assert(
    fc.property(fc.array(fc.tuple(anyColumns, anyColumn), { maxLength: 80 }), (history) => {
      const executions = observedExecutions()
      for (const [i, [columns, queried]] of history.entries()) {
        addExecution(executions, { point: pointAt(columns), need: 1, runtimeMs: 1 })
        const { present, order, sorted } = orderedBy(executions, queried)
        const known = history
          .slice(0, i + 1)
          .flatMap(([own], number) => (own[queried] === undefined ? [] : [[own[queried], number] as const]))
          .sort(([a, i], [b, j]) => a - b || i - j)
        expect([...sorted.subarray(0, present)]).toEqual(known.map(([x]) => x))
        expect([...order.subarray(0, present)]).toEqual(known.map(([, number]) => number))
      }
    }),
  )
})

test('gives the values of any label, oldest first, also as executions are added', () => {
  const executions = executionsAt([pointAt([], { genome: 'human', tool: 'x' }), pointAt([], { tool: 'y' })])
  const texts = (label: string) => {
    const { numbers, values } = valuesOf(executions, label)
    const byNumber = [...numbers.keys()]
    return Array.from(values.subarray(0, executions.count), (number) => byNumber[number])
  }
  expect(texts('genome')).toEqual(['human', undefined])
  const point = pointAt([], { genome: 'yeast', tool: 'z' })
  addExecution(executions, { point, need: 1, runtimeMs: 1 })
  expect(texts('genome')).toEqual(['human', undefined, 'yeast'])
  expect(texts('tool')).toEqual(['x', 'y', 'z'])
  expect(texts('genome')).toEqual(['human', undefined, 'yeast'])
})

test('keeps the order of a column while it grows', () => {
  const executions = observedExecutions()
  for (let i = 0; i < 100; i++) {
    addExecution(executions, { point: pointAt([100 - i]), need: 1, runtimeMs: 1 })
    orderedBy(executions, 0)
  }
  const { order, sorted } = orderedBy(executions, 0)
  expect([...order.subarray(0, 100)]).toEqual(Array.from({ length: 100 }, (_, i) => 99 - i))
  expect([...sorted.subarray(0, 100)]).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
})
