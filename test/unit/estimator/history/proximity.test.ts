import { expect, test } from 'vitest'
import { encoder, type Point } from '../../../../services/estimator/domain/features/encoder.ts'
import {
  addExecution,
  observedExecutions,
} from '../../../../services/estimator/domain/history/observed-executions.ts'
import { proximityTo } from '../../../../services/estimator/domain/history/proximity.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

test('is largest where the feature is the same and falls with the distance, but never to zero', () => {
  const columns = encoder()
  const executions = observedExecutions()
  for (let i = 0; i < 20; i++) {
    const point = columns.encode({ size: i }, {}, true)
    addExecution(executions, { point, need: 1, runtimeMs: 1 })
  }
  const proximity = new Float64Array(20)
  const query = columns.encode({ size: 5 }, {}, false)

  expect(proximityTo(executions, 0, undefined, query, proximity)).toBe(true)
  expect(proximity[5]).toBe(1)
  expect(proximity[6]).toBeLessThanOrEqual(proximity[5] as number)
  expect(proximity[19]).toBeLessThan(proximity[6] as number)
  expect(Math.min(...proximity)).toBeGreaterThan(0)
})

/** Proximities of executions at these points to a query; undefined where there is nothing to go by. */
function proximities(
  points: readonly Point[],
  query: Point,
  { column, label }: { readonly column?: number; readonly label?: string },
): readonly number[] | undefined {
  const out = new Float64Array(points.length)
  return proximityTo(executionsAt(points), column, label, query, out) ? [...out] : undefined
}

const at = (...xs: readonly (number | undefined)[]) => xs.map((x) => pointAt([x]))

test('falls by ranks as a Cauchy kernel of a tenth of the executions', () => {
  // Ten executions, so one rank is one bandwidth: 1 / (1 + rank²).
  const ten = at(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
  expect(proximities(ten, pointAt([3]), { column: 0 })).toEqual(
    [1 / 10, 1 / 5, 1 / 2, 1, 1 / 2, 1 / 5, 1 / 10, 1 / 17, 1 / 26, 1 / 37].map((p) => expect.closeTo(p, 12)),
  )
  // Twenty executions: a rank is half a bandwidth.
  const twenty = at(...Array.from({ length: 20 }, (_, i) => i))
  expect(proximities(twenty, pointAt([0]), { column: 0 })?.[1]).toBeCloseTo(1 / (1 + 0.25), 12)
})

test('is 1 for all that are equal; between two executions both are one rank away', () => {
  const ten = at(0, 1, 2, 2, 2, 5, 6, 7, 8, 9)
  const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 12))
  expect(proximities(ten, pointAt([2]), { column: 0 })?.slice(0, 6)).toEqual(
    close(1 / 5, 1 / 2, 1, 1, 1, 1 / 2),
  )
  expect(proximities(ten, pointAt([1.5]), { column: 0 })?.slice(0, 6)).toEqual(
    close(1 / 5, 1 / 2, 1 / 2, 1 / 5, 1 / 10, 1 / 17),
  )
})

test('is 0.05 where only one of the two has the feature, and 1 where neither has', () => {
  expect(proximities(at(1, undefined), pointAt([1]), { column: 0 })).toEqual([1, 0.05])
  expect(proximities(at(1, undefined), pointAt([undefined]), { column: 0 })).toEqual([0.05, 1])
})

test('is a tenth where the label has another value, or where only one of the two has it', () => {
  const points = [{ genome: 'human' }, { genome: 'yeast' }, {}].map((labels: Record<string, string>) =>
    pointAt([], labels),
  )
  expect(proximities(points, pointAt([], { genome: 'human' }), { label: 'genome' })).toEqual([1, 0.1, 0.1])
  expect(proximities(points, pointAt([], {}), { label: 'genome' })).toBeUndefined()
})

test('multiplies feature and label', () => {
  const points = [pointAt([1], { genome: 'human' }), pointAt([1], { genome: 'yeast' }), pointAt([undefined])]
  const by = { column: 0, label: 'genome' }
  const rounded = (query: Point) => proximities(points, query, by)?.map((p) => Number(p.toFixed(12)))
  expect(rounded(pointAt([1], { genome: 'human' }))).toEqual([1, 0.1, 0.005])
  // Without the label in the query, those without it are alike.
  expect(rounded(pointAt([1]))).toEqual([0.1, 0.1, 0.05])
  expect(rounded(pointAt([undefined], { genome: 'yeast' }))).toEqual([0.005, 0.05, 0.1])
})

test('there is none where nothing is informative, or no execution has the feature', () => {
  expect(proximities(at(1, 2), pointAt([1]), {})).toBeUndefined()
  expect(proximities(at(undefined), pointAt([undefined]), { column: 0 })).toBeUndefined()
  expect(proximities(at(undefined), pointAt([1]), { column: 0 })).toEqual([0.05])
})
