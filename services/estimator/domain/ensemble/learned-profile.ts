import { atOnce } from '../../../../shared/domain/at-once.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../../shared/domain/resources.ts'
import { type RequestRatios, requestRatios } from '../history/request-ratios.ts'
import type { Registry } from '../strategies/strategy.ts'
import type { Learning } from './dimension-model.ts'
import { extendStandby, type StandbyModel, takeOver } from './standby-model.ts'
import { verdictsOf } from './strategy-record.ts'
import { extendTask, fitTask, type TaskModel } from './task-model.ts'

/** A profile and what was learned from the executions that it holds one by one. */
export interface LearnedProfile {
  readonly profile: Omit<Profile, 'executions' | 'folded'>
  /** Of the executions learned from, oldest first. */
  readonly executionIds: readonly string[]
  /** Of a namespace: per dimension the largest need ÷ request of its tasks, where requests can be trusted. */
  readonly requestRatios?: RequestRatios | undefined
  /** Of a task. */
  readonly model?: TaskModel | undefined
  /** Takes over when the profile drops its oldest executions. Grows by `learnAhead` alone. */
  standby?: StandbyModel | undefined
  /** Strategies whose record in a dimension is poor: they go on being scored, and are not followed. */
  readonly poor: readonly { readonly strategy: string; readonly dimension: Dimension }[]
  /** Strategies that its record says enough of to judge, good or poor. */
  readonly judged: readonly string[]
  /** Strategies that could not learn from it, and why. */
  readonly leftOut: ReadonlyMap<string, string>
}

type Learned = Omit<LearnedProfile, 'leftOut'>

/** Law: depends on the profile and on what the guard lets through, on nothing else. */
export const learnProfile = (profile: Profile, learning: Learning): Learned =>
  atOnce(learnInSteps(profile, learning))

/** The same, an execution a step, for who lets others go on in between. */
export function* learnInSteps(profile: Profile, learning: Learning): Generator<undefined, Learned> {
  const learned = withoutExecutions(profile, learning.registry)
  switch (profile.key.kind) {
    case 'task': {
      const model = fitTask([], learning, profile.executions.length)
      for (const execution of profile.executions) {
        extendTask(model, execution, learning)
        yield
      }
      return { ...learned, model }
    }
    case 'namespace':
      return { ...learned, requestRatios: requestRatios(profile.members) }
    case 'cohort':
      return learned
  }
}

/**
 * The same, cheaper, where `profile` holds what `before` was learned from and some executions more, or less an oldest
 * block that was expected; else undefined. Grows the models of `before` in place. Law: equals `learnProfile(profile)` to the
 * bit.
 */
export function extendProfile(
  before: LearnedProfile,
  profile: Profile,
  learning: Learning,
): Learned | undefined {
  const extension = extensionOf(before, profile)
  if (extension === undefined) return undefined
  const { model, standby, added } = extension
  for (const execution of added) extendTask(model, execution, learning)
  return { ...withoutExecutions(profile, learning.registry), model, standby }
}

/** How many executions are learned to know what a profile holds; `before`: what was learned of it, where that may be extended. */
export const executionsToLearn = (before: LearnedProfile | undefined, profile: Profile): number =>
  ((before && extensionOf(before, profile)?.added) ?? profile.executions).length

/** A model that needs no more than some executions added; undefined where there is none. */
function extensionOf({ model, executionIds, standby }: LearnedProfile, { executions }: Profile) {
  const dropped = droppedOf(executionIds, executions)
  if (model === undefined || dropped === undefined) return undefined
  const added = executions.slice(executionIds.length - dropped)
  if (dropped === 0) return { model, standby, added }
  const next = takeOver(standby, executionIds.length, dropped)
  return next && { model: next, standby: undefined, added }
}

/**
 * Work for when nobody waits: some of what the next drop of the oldest executions will need. `executions` are those that
 * it was learned from. Law: no answer depends on whether, or when, it is called.
 */
export function learnAhead(
  learned: LearnedProfile,
  executions: readonly ExecutionRecord[],
  learning: Learning,
): void {
  if (learned.model === undefined) return
  learned.standby = extendStandby(learned.standby, executions, learning)
}

/** How many of the known executions are gone, where those that are left are known and in their order. */
function droppedOf(known: readonly string[], executions: readonly ExecutionRecord[]): number | undefined {
  const oldest = executions[0]?.executionId
  const dropped = oldest === undefined || known.length === 0 ? known.length : known.indexOf(oldest)
  if (dropped < 0 || known.length - dropped > executions.length) return undefined
  for (let i = dropped; i < known.length; i++)
    if (executions[i - dropped]?.executionId !== known[i]) return undefined
  return dropped
}

function withoutExecutions({ executions, folded, ...profile }: Profile, registry: Registry): Learned {
  const verdictOf = verdictsOf(profile.accuracy)
  const poor: { readonly strategy: string; readonly dimension: Dimension }[] = []
  const judged: string[] = []
  for (const strategy of Object.keys(registry)) {
    let isJudged = false
    for (const dimension of dimensions) {
      const verdict = verdictOf(strategy, dimension)
      if (verdict === 'poor') poor.push({ strategy, dimension })
      isJudged ||= verdict !== undefined
    }
    if (isJudged) judged.push(strategy)
  }
  return { profile, executionIds: executions.map(({ executionId }) => executionId), poor, judged }
}
