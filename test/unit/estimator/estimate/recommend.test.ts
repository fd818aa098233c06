import { expect, test } from 'vitest'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import { contextOf } from '../../../../services/estimator/domain/estimate/context.ts'
import { recommend } from '../../../../services/estimator/domain/estimate/recommend.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { defaultSettings, evidenceOfTask, learned, openAccess, queryOf } from '../../../support/queries.ts'

test('recommends from the task’s own executions, else from what else there is', () => {
  const evidence = evidenceOfTask(learned(profileOf([execution('e', { used: { memoryBytes: 1e9 } })])))
  const parts = { settings: defaultSettings, access: openAccess, workspace: createWorkspace() }
  const context = contextOf(queryOf(), evidence, parts)
  expect(recommend(context, 'memoryBytes')?.source).toBe('profile')
  expect(recommend(context, 'cpuCores')?.source).toBe('default')
  expect(recommend(context, 'diskBytes')).toBeUndefined()
})
