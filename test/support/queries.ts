import { answerSettings, estimatorConfig } from '../../services/estimator/config.ts'
import type { QueryGuard } from '../../services/estimator/domain/case.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { EstimateQuery } from '../../shared/domain/estimate.ts'

/** What is asked of a task of which nothing else is said but `more`. */
export const queryOf = (more: Partial<EstimateQuery> = {}): EstimateQuery => ({
  task: { namespace: 'default', task: 'demo/task' },
  features: {},
  labels: {},
  requested: {},
  attempt: 1,
  previousAllocation: {},
  policy: {},
  executionId: '',
  ...more,
})

/** Answers as the estimator does by default. */
export const defaultSettings = answerSettings(estimatorConfig.parse({}), strategies)

/** No breaker is open, and none is there to open. */
export const openGuard: QueryGuard = {
  guard: (_strategy, run) => run(),
  faults: new Map(),
  unfollowed: () => undefined,
}
