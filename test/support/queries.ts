import { answerSettings, estimatorConfig } from '../../services/estimator/config.ts'
import type { Learning } from '../../services/estimator/domain/ensemble/dimension-model.ts'
import { unguarded } from '../../services/estimator/domain/ensemble/guard.ts'
import {
  type LearnedProfile,
  learnProfile,
} from '../../services/estimator/domain/ensemble/learned-profile.ts'
import { createWorkspace } from '../../services/estimator/domain/ensemble/workspace.ts'
import { confidenceOf as confidenceIn } from '../../services/estimator/domain/estimate/confidence.ts'
import {
  type Context,
  contextOf,
  type Evidence,
  type StrategyAccess,
} from '../../services/estimator/domain/estimate/context.ts'
import { estimateOf as estimateIn } from '../../services/estimator/domain/estimate/estimate.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { Registry } from '../../services/estimator/domain/strategies/strategy.ts'
import { reasonText } from '../../services/estimator/reason-text.ts'
import type { Confidence, Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/** What is asked of a task of which nothing else is said but `more`. */
export const queryOf = (more: Partial<EstimateQuery> = {}): EstimateQuery => ({
  task: { namespace: 'default', task: 'demo/task' },
  features: {},
  labels: {},
  requested: {},
  attempt: 1,
  previousAllocation: {},
  policy: {},
  ...more,
})

/** Answers as the estimator does by default. */
export const defaultSettings = answerSettings(estimatorConfig.parse({}), strategies)

/** No breaker is open, and none is there to open. */
export const openAccess: StrategyAccess = {
  guard: unguarded,
  faults: new Map(),
  unfollowed: () => undefined,
}

export const learningWith = (more: Partial<Learning> = {}): Learning => ({
  registry: strategies,
  guard: unguarded,
  workspace: createWorkspace(),
  ...more,
})

/** What the estimator learns of a profile, with nothing left out. */
export const learned = (profile: Profile, registry: Registry = strategies): LearnedProfile => ({
  ...learnProfile(profile, learningWith({ registry })),
  leftOut: new Map(),
})

/** All that is known is one task. */
export const evidenceOfTask = (task: LearnedProfile): Evidence => ({
  task,
  similar: [],
  isUnreachable: false,
})

type Parts = Partial<Pick<Context, 'settings' | 'access'>>

const contextWith = (query: EstimateQuery, evidence: Evidence, parts: Parts): Context =>
  contextOf(query, evidence, {
    settings: defaultSettings,
    access: openAccess,
    workspace: createWorkspace(),
    ...parts,
  })

export function estimateOf(query: EstimateQuery, evidence: Evidence, parts: Parts = {}): Estimate {
  const { reasons, ...estimate } = estimateIn(contextWith(query, evidence, parts))
  return { ...estimate, reason: reasonText(reasons) }
}

export function confidenceOf(
  query: EstimateQuery,
  given: Resources | undefined,
  evidence: Evidence,
  parts: Parts = {},
  withCurve = false,
): Confidence {
  const { reasons, ...confidence } = confidenceIn(contextWith(query, evidence, parts), given, withCurve)
  return { ...confidence, reason: reasonText(reasons) }
}
