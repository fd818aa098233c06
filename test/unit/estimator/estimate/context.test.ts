import { expect, test } from 'vitest'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import {
  contextOf,
  dimensionsOf,
  type Evidence,
  executionsOf,
  needsSimilarTasks,
} from '../../../../services/estimator/domain/estimate/context.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import { cohortOf, execution, linearHistory, profileOf } from '../../../support/histories.ts'
import { defaultSettings, evidenceOfTask, learned, openAccess, queryOf } from '../../../support/queries.ts'

const unknown: Evidence = { task: undefined, similar: [], isUnreachable: false }

const contextWith = (query: Partial<EstimateQuery>, evidence: Evidence, settings = defaultSettings) =>
  contextOf(queryOf(query), evidence, { settings, access: openAccess, workspace: createWorkspace() })

test('a query’s policy is the server’s but for what it sets itself', () => {
  const settings = {
    ...defaultSettings,
    policy: { ...defaultSettings.policy, risk: 0.2, targetCoverage: 0.9 },
  }
  const { policy } = contextWith({ policy: { risk: 0.7 } }, unknown, settings)
  expect(policy).toMatchObject({ risk: 0.7, targetCoverage: 0.9, strategies: [] })
})

test('the query is encoded as the task’s model does, without teaching it', () => {
  const evidence = evidenceOfTask(learned(profileOf(linearHistory(3))))
  expect(contextWith({ features: { input_bytes: 5, other: 1 } }, evidence).point?.values).toEqual([5])
  expect(contextWith({ features: { input_bytes: 5, other: 1 } }, evidence).point?.values).toEqual([5])
  expect(contextWith({}, unknown).point).toBeUndefined()
})

test('similar tasks are needed until a dimension has as many executions as are trusted', () => {
  const task = learned(profileOf(linearHistory(5)))
  expect(needsSimilarTasks(task, { minExecutions: 5 })).toBe(false)
  expect(needsSimilarTasks(task, { minExecutions: 6 })).toBe(true)
  expect(needsSimilarTasks(undefined, { minExecutions: 1 })).toBe(true)
  const failed = learned(profileOf([execution('f', { outcome: 'failed' })]))
  expect(needsSimilarTasks(failed, { minExecutions: 1 })).toBe(true)
  expect(needsSimilarTasks(learned(cohortOf('tool=x', [1e9])), { minExecutions: 1 })).toBe(true)
})

test('dimensions are answered that are learned of, requested, or have a default', () => {
  const settings = { ...defaultSettings, defaults: { durationMs: 1000 } }
  const task = evidenceOfTask(learned(profileOf([execution('d', { used: { gpuMemoryBytes: 1e9 } })])))
  expect(dimensionsOf(contextWith({}, unknown, settings))).toEqual(['durationMs'])
  expect(dimensionsOf(contextWith({ requested: { diskBytes: 1 } }, unknown, settings))).toEqual([
    'diskBytes',
    'durationMs',
  ])
  expect(dimensionsOf(contextWith({}, task, settings))).toEqual(['gpuMemoryBytes', 'durationMs'])
  const withoutModel = evidenceOfTask(learned(cohortOf('tool=x', [1e9])))
  expect(dimensionsOf(contextWith({}, withoutModel, settings))).toEqual(['durationMs'])
})

test('executions are counted over all outcomes', () => {
  const history = [...linearHistory(4), execution('failed', { outcome: 'failed' })]
  expect(executionsOf(evidenceOfTask(learned(profileOf(history))))).toBe(5)
  expect(executionsOf(unknown)).toBe(0)
})
