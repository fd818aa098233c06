import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import {
  addExecution,
  observedExecutions,
} from '../../../../services/estimator/domain/history/observed-executions.ts'
import { proximityTo } from '../../../../services/estimator/domain/history/proximity.ts'

test('is largest where the feature is the same and falls with the distance, but never to zero', () => {
  const columns = encoder()
  const executions = observedExecutions()
  for (let i = 0; i < 20; i++) {
    const point = columns.encode({ size: i }, {}, true)
    addExecution(executions, { point, need: 1, runtimeMs: 1, slow: 1, fast: 1 })
  }
  const proximity = new Float64Array(20)
  const query = columns.encode({ size: 5 }, {}, false)

  expect(proximityTo(executions, 0, undefined, query, proximity)).toBe(true)
  expect(proximity[5]).toBe(1)
  expect(proximity[6]).toBeLessThanOrEqual(proximity[5] as number)
  expect(proximity[19]).toBeLessThan(proximity[6] as number)
  expect(Math.min(...proximity)).toBeGreaterThan(0)
})
