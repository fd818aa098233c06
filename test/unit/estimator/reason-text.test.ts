import { expect, test } from 'vitest'
import type { Evidence } from '../../../services/estimator/domain/estimate/context.ts'
import { execution, profileOf } from '../../support/histories.ts'
import { defaultSettings, estimateOf, evidenceOfTask, learned, queryOf } from '../../support/queries.ts'

test('says why a history does not answer', () => {
  const history = [1, 2, 3].map((i) => execution(`e-${i}`, { used: { memoryBytes: 1e9 } }))
  const query = queryOf({ requested: { memoryBytes: 4e9 } })
  const reason = (evidence: Evidence, strategy?: string, minExecutions = 1) => {
    const policy = strategy === undefined ? {} : { strategies: [strategy] }
    const settings = { ...defaultSettings, minExecutions }
    return estimateOf({ ...query, policy }, evidence, { settings }).reason
  }
  const known = evidenceOfTask(learned(profileOf(history)))
  const unknown = { task: undefined, similar: [], isUnreachable: false }
  expect(reason(unknown)).toMatch(/^no history: what was requested/)
  expect(reason(known, 'ridge')).toMatch(/^none of the strategies asked .* after 3 executions: what was/)
  expect(reason(known, undefined, 5)).toMatch(/^3 executions of at least 5: what was requested/)
})
