import { expect, test } from 'vitest'
import {
  addWeights,
  forgetting,
  localSumsFrom,
  localSumsOver,
  makeRoom,
  sampleWeights,
  weighingWorkspace,
  weightSums,
} from '../../../../services/estimator/domain/history/sample-weights.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

test('an execution is worth 1 % less after each one that follows, or a tenth less', () => {
  expect(forgetting).toEqual({ slow: 0.99, fast: 0.9 })
})

test('every execution weighs more than the one before it, from 1 on, and as much when there is room for more', () => {
  const workspace = weighingWorkspace()
  makeRoom(workspace, 2)
  const { slow, fast } = workspace
  expect([...slow.subarray(0, 2)]).toEqual([1, 0.99 ** -1])
  expect([...fast.subarray(0, 2)]).toEqual([1, 0.9 ** -1])
  makeRoom(workspace, 100)
  expect([...workspace.slow.subarray(0, 2)]).toEqual([...slow.subarray(0, 2)])
  expect(workspace.slow[99]).toBe(0.99 ** -99)
  expect(workspace.fast[99]).toBe(0.9 ** -99)
  expect(workspace.proximity.length).toBeGreaterThanOrEqual(100)
})

test('adds up weights and their squares', () => {
  const sums = weightSums()
  addWeights(sums, 2, 3)
  addWeights(sums, 4, 5)
  expect(sums).toEqual({ slowSum: 6, fastSum: 8, slowSquares: 20, fastSquares: 34 })
})

/** Three executions of slow weights 1, 2, 3 and fast weights 1, 4, 9, of which the second has another label. */
function threeExecutions() {
  const genomes = ['human', 'yeast', 'human']
  const executions = executionsAt(genomes.map((genome) => pointAt([], { genome })))
  const query = pointAt([], { genome: 'human' })
  const workspace = {
    slow: Float64Array.of(1, 2, 3),
    fast: Float64Array.of(1, 4, 9),
    proximity: new Float64Array(3),
  }
  return sampleWeights(executions, undefined, 'genome', query, workspace)
}

const close = (sums: Record<string, number>) =>
  Object.fromEntries(Object.entries(sums).map(([key, sum]) => [key, expect.closeTo(sum, 12)]))

test('local weights are weights times proximity, summed from an execution on', () => {
  const weights = threeExecutions()
  expect(weights.isLocal).toBe(true)
  expect([...weights.proximity]).toEqual([1, 0.1, 1])
  // Slow: 1, 0.2, 3; fast: 1, 0.4, 9.
  const all = close({ slowSum: 4.2, fastSum: 10.4, slowSquares: 10.04, fastSquares: 82.16 })
  expect(localSumsFrom(weights, 0)).toEqual(all)
  expect(localSumsFrom(weights, 1)).toEqual(
    close({ slowSum: 3.2, fastSum: 9.4, slowSquares: 9.04, fastSquares: 81.16 }),
  )
  expect(localSumsFrom(weights, 0)).toEqual(all)
})

test('local weights are summed over some executions by their numbers', () => {
  expect(localSumsOver(threeExecutions(), Int32Array.of(2, 1, 0), 2)).toEqual(
    close({ slowSum: 3.2, fastSum: 9.4, slowSquares: 9.04, fastSquares: 81.16 }),
  )
})

test('without a feature or label that is informative nothing is local', () => {
  const executions = executionsAt([pointAt([1])])
  const workspace = weighingWorkspace()
  makeRoom(workspace, 1)
  expect(sampleWeights(executions, undefined, undefined, pointAt([1]), workspace).isLocal).toBe(false)
})
