import type { EstimateQuery, EstimateSource, StrategyPrediction } from '../../../shared/domain/estimate.ts'
import type { Policy } from '../../../shared/domain/policy.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import type { Limits } from './bounds.ts'
import type { Guard } from './dimension-model.ts'
import type { Point } from './encoding.ts'
import type { LearnedProfile } from './learned-profile.ts'
import type { Need } from './need.ts'
import type { Registry } from './strategy.ts'

/** All that an answer may depend on, beside the query and the policy. */
export interface Evidence {
  readonly task: LearnedProfile | undefined
  /** In the order of `cohortKeys`, the namespace last; asked only where the task's own history does not do. */
  readonly kin: readonly LearnedProfile[]
  /** A profile that may exist could not be had. */
  readonly unreachable: boolean
}

export interface AnswerSettings {
  readonly registry: Registry
  /** For what a query leaves open. */
  readonly policy: Policy
  /** For a task of which nothing at all is known. */
  readonly defaults: Resources
  readonly limits: Limits
  /** Executions of the task's own before they are trusted more than those of its kin. */
  readonly minExecutions: number
}

/** Stands between an answer and the strategies' code. */
export interface QueryGuard {
  readonly guard: Guard
  /** Why a strategy was left out or failed, as far as that has come up. */
  readonly faults: ReadonlyMap<string, string>
  /** Why a strategy is heard, and scored, and not followed whatever the task. */
  readonly unfollowed: (strategy: string) => string | undefined
}

/** What is believed and would be allocated in one dimension, before retries, running executions and bounds. */
export interface Formed {
  readonly need: Need
  readonly amount: number
  /** What that would be at the lowest risk, where it is not from the task's own history: what refutes it does so at any. */
  readonly least?: number
  readonly source: EstimateSource
  readonly reason: string
  readonly strategy: string
  readonly predictions: readonly StrategyPrediction[]
}

/** One query with all that its answer is made from. */
export interface Case {
  readonly query: EstimateQuery
  readonly evidence: Evidence
  readonly settings: AnswerSettings
  readonly policy: Policy
  readonly access: QueryGuard
  /** As the task's model sees it; unset where there is none. */
  readonly point: Point | undefined
}
