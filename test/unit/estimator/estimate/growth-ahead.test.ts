import { expect, test } from 'vitest'
import { extendTask } from '../../../../services/estimator/domain/ensemble/task-model.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import { confidenceSteps } from '../../../../services/estimator/domain/estimate/confidence.ts'
import { contextOf } from '../../../../services/estimator/domain/estimate/context.ts'
import { estimateOf, estimateSteps } from '../../../../services/estimator/domain/estimate/estimate.ts'
import { growthAhead } from '../../../../services/estimator/domain/estimate/growth-ahead.ts'
import { atOnce } from '../../../../shared/domain/at-once.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import { dimensions } from '../../../../shared/domain/resources.ts'
import { historyOfTwo, profileOf } from '../../../support/histories.ts'
import {
  defaultSettings,
  evidenceOfTask,
  learned,
  learningWith,
  openAccess,
  queryOf,
} from '../../../support/queries.ts'

const profile = profileOf(historyOfTwo(40))
const inside = { size: 2, threads: 2 }
const outside = { size: 1e6, threads: 1e6 }

function asked(task = learned(profile)) {
  const parts = { settings: defaultSettings, access: openAccess, workspace: createWorkspace() }
  const contextAt = (features: Record<string, number>) =>
    contextOf(queryOf({ features }), evidenceOfTask(task), parts)
  const modelOf = (dimension: (typeof dimensions)[number]) => task.model?.dimensions.get(dimension)
  return { contextAt, records: () => dimensions.map((d) => modelOf(d)?.pair) }
}

test('within the range there is nothing to record', () => {
  expect(growthAhead(asked().contextAt(inside))).toBeUndefined()
})

test('beyond it growth is recorded in many steps, a few laws of one dimension each', () => {
  const { contextAt, records } = asked()
  const steps = growthAhead(contextAt(outside))
  const made: number[] = []
  let count = 0
  for (; steps?.next().done === false; count++)
    made.push(records().filter((pair) => pair !== undefined).length)

  expect(count).toBeGreaterThan(8 * dimensions.length)
  for (const [i, now] of made.entries()) expect(now - (made[i - 1] ?? 0)).toBeLessThanOrEqual(1)
  expect(records().every((pair) => pair !== undefined && pair.records.size === 2)).toBe(true)
})

test('once it is recorded an answer has no more to record, and is what it would have been', () => {
  const { contextAt, records } = asked()
  const steps = growthAhead(contextAt(outside))
  if (steps !== undefined) atOnce(steps)
  const before = records()

  expect(growthAhead(contextAt(outside))).toBeUndefined()
  expect(estimateOf(contextAt(outside))).toEqual(estimateOf(asked().contextAt(outside)))
  expect(records().every((pair, i) => pair === before[i])).toBe(true)
})

test('an answer has a step for each dimension beyond its range', () => {
  const stepsOf = (steps: Generator<undefined, unknown>) => {
    let count = 0
    while (!steps.next().done) count++
    return count
  }
  const { contextAt } = asked()
  expect(stepsOf(estimateSteps(contextAt(inside)))).toBe(0)
  expect(stepsOf(estimateSteps(contextAt(outside)))).toBe(dimensions.length)
  expect(stepsOf(confidenceSteps(contextAt(outside), undefined, true))).toBe(dimensions.length)
  expect(stepsOf(confidenceSteps(contextAt(outside), { memoryBytes: 1, diskBytes: 1 }, true))).toBe(2)
})

test('what was learned while it was recorded makes that void', () => {
  const task = learned(profile)
  const { contextAt, records } = asked(task)
  const steps = growthAhead(contextAt(outside))
  for (let i = 0; i < 3; i++) steps?.next()
  if (task.model === undefined || steps === undefined) throw new Error('nothing is learned')
  extendTask(task.model, historyOfTwo(41)[40] as ExecutionRecord, learningWith())
  atOnce(steps)

  expect(records().map((pair) => pair?.executions)).toEqual([undefined, 41, 41, 41, 41])
  expect(growthAhead(contextAt(outside))).toBeDefined()
})
