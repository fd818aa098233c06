import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import { type Dimension, dimensions, type Resources } from '../../../../shared/domain/resources.ts'
import type { Limits } from '../allocation/bounds.ts'
import type { Guard } from '../ensemble/guard.ts'
import type { LearnedProfile } from '../ensemble/learned-profile.ts'
import type { Workspace } from '../ensemble/workspace.ts'
import type { Point } from '../features/encoder.ts'
import type { RequestRatios } from '../history/request-ratios.ts'
import type { Registry } from '../strategies/strategy.ts'

/** All that an answer may depend on, beside the query and the settings. */
export interface Evidence {
  readonly task: LearnedProfile | undefined
  /** Cohorts in the order of `cohortKeys`, the namespace last; asked only where the task's own history does not do. */
  readonly similar: readonly LearnedProfile[]
  /** Of the namespace: the largest need ÷ request of its tasks, where requests can be trusted and something is requested. */
  readonly requestRatios?: RequestRatios | undefined
  /** A profile that may exist could not be had. */
  readonly isUnreachable: boolean
  /** Of a task that is unknown: names of known tasks that may have been meant. */
  readonly nearestTasks?: readonly string[] | undefined
}

export interface EstimateSettings {
  readonly registry: Registry
  /** For what a query leaves open. */
  readonly policy: Policy
  /** For a task of which nothing at all is known. */
  readonly defaults: Resources
  readonly limits: Limits
  /** Executions of the task's own before they are trusted more than similar tasks. */
  readonly minExecutions: number
}

/** Stands between an answer and the strategies' code. */
export interface StrategyAccess {
  readonly guard: Guard
  /** Why a strategy was left out or failed, as far as that has come up. */
  readonly faults: ReadonlyMap<string, string>
  /** Why a strategy predicts, and is scored, and is not followed whatever the task. */
  readonly unfollowed: (strategy: string) => string | undefined
}

/** One query with all that its answer is made from. */
export interface Context {
  readonly query: EstimateQuery
  readonly evidence: Evidence
  readonly settings: EstimateSettings
  readonly access: StrategyAccess
  readonly workspace: Workspace
  /** The settings' policy with what the query sets itself. */
  readonly policy: Policy
  /** The strategies that the policy asks for, in the registry's order. */
  readonly asked: readonly string[]
  /** The query as the task's model encodes it; unset where there is none. */
  readonly point: Point | undefined
}

export function contextOf(
  query: EstimateQuery,
  evidence: Evidence,
  parts: Pick<Context, 'settings' | 'access' | 'workspace'>,
): Context {
  const policy = { ...parts.settings.policy, ...query.policy }
  const point = evidence.task?.model?.encoder.encode(query.features, query.labels, false)
  const all = Object.keys(parts.settings.registry)
  const asked = policy.strategies.length === 0 ? all : all.filter((name) => policy.strategies.includes(name))
  return { ...parts, query, evidence, policy, asked, point }
}

/** Whether the task's own history leaves something to ask of similar tasks. */
export function needsSimilarTasks(
  task: LearnedProfile | undefined,
  { minExecutions }: Pick<EstimateSettings, 'minExecutions'>,
): boolean {
  const models = task?.model?.dimensions
  if (models === undefined || models.size === 0) return true
  for (const { executions } of models.values()) if (executions.count >= minExecutions) return false
  return true
}

/** Those that are answered: learned of, requested, or with a default. */
export function dimensionsOf({ evidence, query, settings }: Context): readonly Dimension[] {
  const models = evidence.task?.model?.dimensions
  return dimensions.filter(
    (d) => models?.has(d) || query.requested[d] !== undefined || settings.defaults[d] !== undefined,
  )
}

/** Executions that the task's profile has folded. */
export const executionsOf = ({ task }: Evidence): number =>
  task?.profile.outcomes.reduce((total, { count }) => total + count, 0) ?? 0

/** Executions that the task's model has learned: it grows in place. Undefined where there is none. */
export const executionsLearned = ({ evidence: { task } }: Context): number | undefined =>
  task?.model?.encoder.features.executions
