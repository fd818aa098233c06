import type { Profile } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../shared/domain/resources.ts'
import type { Guard } from './dimension-model.ts'
import { verdict } from './reliability.ts'
import type { Registry } from './strategy.ts'
import { extendTask, fitTask, type TaskModel } from './task-model.ts'

/** A profile and what was learned from the executions that it holds one by one. */
export interface LearnedProfile {
  readonly profile: Omit<Profile, 'executions' | 'folded'>
  /** Of the executions learned from, oldest first. */
  readonly executionIds: readonly string[]
  /** Of a task. */
  readonly model?: TaskModel | undefined
  /** Strategies whose record in a dimension is poor: they go on being scored, and are not followed. */
  readonly poor: readonly { readonly strategy: string; readonly dimension: Dimension }[]
  /** Strategies that its record says enough of to judge, good or poor. */
  readonly judged: readonly string[]
  /** Strategies that could not learn from it, and why. */
  readonly leftOut: ReadonlyMap<string, string>
}

type Learned = Omit<LearnedProfile, 'leftOut'>

/** Law: depends on the profile and on what the guard lets through, on nothing else. */
export function learnProfile(profile: Profile, registry: Registry, guard: Guard): Learned {
  const learned = withoutExecutions(profile, registry)
  return profile.key.kind === 'task'
    ? { ...learned, model: fitTask(profile.executions, registry, guard) }
    : learned
}

/**
 * The same, cheaper, where `profile` holds what `before` was learned from and some executions more; else undefined.
 * Grows the model of `before` in place. Law: equals `learnProfile(profile)` to the bit.
 */
export function extendProfile(before: LearnedProfile, profile: Profile, guard: Guard): Learned | undefined {
  const { model, executionIds } = before
  const { executions } = profile
  if (model === undefined || executionIds.length > executions.length) return undefined
  if (executionIds.some((id, index) => executions[index]?.executionId !== id)) return undefined
  for (const execution of executions.slice(executionIds.length)) extendTask(model, execution, guard)
  return { ...withoutExecutions(profile, model.registry), model }
}

function withoutExecutions({ executions, folded, ...profile }: Profile, registry: Registry) {
  const verdicts = Object.keys(registry).flatMap((strategy) =>
    dimensions.map((dimension) => {
      return { strategy, dimension, says: verdict(profile.accuracy, strategy, dimension) }
    }),
  )
  return {
    profile,
    executionIds: executions.map(({ executionId }) => executionId),
    poor: verdicts.filter(({ says }) => says === 'poor'),
    judged: [...new Set(verdicts.flatMap(({ strategy, says }) => (says === undefined ? [] : strategy)))],
  }
}
