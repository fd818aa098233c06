import { cohortKeys, namespaceKey } from '../../shared/domain/cohort.ts'
import type { EstimateQuery, Notice } from '../../shared/domain/estimate.ts'
import { profileId, type StrategyAccuracy } from '../../shared/domain/profile.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { type AnswerCache, answerCache } from './answer-cache.ts'
import { answersInTurns, inTurnAfter } from './answer-in-turns.ts'
import type { Breakers } from './breaker.ts'
import type { LearnedProfile } from './domain/ensemble/learned-profile.ts'
import { createWorkspace } from './domain/ensemble/workspace.ts'
import { type ConfidenceAnswer, confidenceSteps } from './domain/estimate/confidence.ts'
import {
  type Context,
  contextOf,
  type EstimateSettings,
  type Evidence,
  needsSimilarTasks,
  type StrategyAccess,
} from './domain/estimate/context.ts'
import { type Answer, estimateSteps } from './domain/estimate/estimate.ts'
import { staleView } from './domain/estimate/notices.ts'
import type { LearnedProfiles } from './learned-profiles.ts'
import type { Lookup, Replica } from './replica.ts'
import { slowStrategySearch } from './slow-strategy-search.ts'

/** Answers at once from memory; a promise where a profile must be fetched or learned first. */
export interface Estimator {
  estimate(query: EstimateQuery): Answer | Promise<Answer>
  /** Of `resources`; where unset, of what `estimate` would answer. With a curve: along the amount as well. */
  confidence(
    query: EstimateQuery,
    resources: Resources | undefined,
    withCurve?: boolean,
  ): ConfidenceAnswer | Promise<ConfidenceAnswer>
  accuracy(task: TaskKey): Promise<readonly StrategyAccuracy[]>
  /** Age of the view that answers come from. */
  age(): ViewAge
}

export interface ViewAge {
  readonly stalenessMs: number
  /** Belongs to every answer given at this age; it is in none of those kept. */
  readonly stale: Notice | undefined
}

export interface EstimatorSettings extends EstimateSettings {
  /** Labels that make a cohort, most specific first; the profiler's are the same. */
  readonly cohortLabels: readonly string[]
  /** Answers kept, so that the same query of an unchanged profile is not worked out again. */
  readonly maxAnswers: number
  /** Longest that one answer's predictions may take before the slow strategy is looked for. */
  readonly predictBudgetMs: number
  /** Age of the view from which answers say so. */
  readonly staleAfterMs: number
}

export interface EstimatorParts {
  readonly replica: Replica
  readonly learned: LearnedProfiles
  readonly breakers: Breakers
  readonly monotonicMs: () => number
  readonly log: Log
}

/**
 * Law: the same (profile, query, policy) gives the same answer, to the bit, whatever was asked before; but for the nearest
 * names of an unknown task, which depend on the tasks held.
 */
export function createEstimator(settings: EstimatorSettings, parts: EstimatorParts): Estimator {
  const { replica, learned, breakers, monotonicMs, log } = parts
  const workspace = createWorkspace()
  const searchSlow = slowStrategySearch(settings.predictBudgetMs, { breakers, log })
  const answering = answersInTurns({ breakers, monotonicMs, searchSlow })
  let answers = answerCache(settings.maxAnswers)
  let followingEpoch = breakers.followingEpoch

  const taskProfileId = ({ namespace, task }: TaskKey) => profileId({ namespace, kind: 'task', task })

  /**
   * Takes each profile from `fetched`, else from memory; those in neither are added to `absent`. With `cold`, those that
   * have to be learned first are added to it, and the evidence is not whole.
   */
  function gather(
    query: EstimateQuery,
    fetched: ReadonlyMap<string, Lookup> | undefined,
    absent: string[],
    cold?: Promise<void>[],
  ): Evidence {
    const find = (id: string): LearnedProfile | undefined => {
      const lookup = fetched?.get(id) ?? replica.lookup(id)
      const preparing = cold && learned.prepare(id, lookup)
      if (preparing !== undefined) {
        cold?.push(preparing)
        return undefined
      }
      const found = learned.get(id, lookup)
      if (found === 'not-held') absent.push(id)
      return typeof found === 'string' ? undefined : found
    }
    const task = find(taskProfileId(query.task))
    if (cold !== undefined && cold.length > 0) return { task, similar: [], isUnreachable: false }
    if (!needsSimilarTasks(task, settings)) {
      const hasRequest = Object.keys(query.requested).length > 0
      const namespace = hasRequest ? find(profileId(namespaceKey(query.task))) : undefined
      return { task, similar: [], requestRatios: namespace?.requestRatios, isUnreachable: false }
    }
    const keys = cohortKeys(query.task, query.labels, settings.cohortLabels)
    const similar = keys.flatMap((key) => find(profileId(key)) ?? [])
    const isUnreachable = absent.length > 0
    const isUnknown = task === undefined && !isUnreachable
    return {
      task,
      similar,
      isUnreachable,
      nearestTasks: isUnknown ? replica.nearestTasks(query.task) : undefined,
    }
  }

  const fetched = async (ids: readonly string[]): Promise<ReadonlyMap<string, Lookup>> =>
    new Map(await Promise.all(ids.map(async (id) => [id, await replica.fetch(id)] as const)))

  type Answering<T> = (evidence: Evidence) => T | Promise<T>

  function withEvidence<T>(query: EstimateQuery, answer: Answering<T>): T | Promise<T> {
    const absent: string[] = []
    const cold: Promise<void>[] = []
    const evidence = gather(query, undefined, absent, cold)
    if (cold.length > 0 || absent.length > 0) return withPrepared(query, answer, cold)
    return answer(evidence)
  }

  /** Once what is known is learned, what is not is fetched, and learned as well. Others go on meanwhile. */
  async function withPrepared<T>(
    query: EstimateQuery,
    answer: Answering<T>,
    cold: readonly Promise<void>[],
  ): Promise<T> {
    await Promise.all(cold)
    const absent: string[] = []
    gather(query, undefined, absent)
    const found = await fetched(absent)
    const prepared = Promise.all(absent.map((id) => learned.prepare(id, found.get(id) ?? 'unknown')))
    return inTurnAfter(prepared, () => answer(gather(query, found, [])))
  }

  /** Gated on the breakers' state; what a strategy does wrong in answering is counted against it. */
  function accessFor(leftOut: ReadonlyMap<string, string>): StrategyAccess {
    const access = { guard, faults: leftOut, unfollowed: breakers.unfollowed }
    function leaveOut(strategy: string, why: string): undefined {
      access.faults = new Map([...access.faults, [strategy, why]])
    }
    function guard<T>(strategy: string, run: () => T): T | undefined {
      if (access.faults.size > 0 && access.faults.has(strategy)) return undefined
      const open = breakers.leftOut(strategy)
      if (open !== undefined) return leaveOut(strategy, open)
      try {
        return run()
      } catch (error) {
        const fault = `failed: ${error instanceof Error ? error.message : String(error)}`
        breakers.report(strategy, 'fault', fault)
        return leaveOut(strategy, fault)
      }
    }
    return access
  }

  const contextIn = (query: EstimateQuery, evidence: Evidence): Context =>
    contextOf(query, evidence, {
      settings,
      access: accessFor(evidence.task?.leftOut ?? new Map()),
      workspace,
    })

  /** From the cache where nothing but the query, the task's own profile and the namespace's ratios enter. */
  function estimateFrom(query: EstimateQuery, evidence: Evidence, waits: number): Answer | Promise<Answer> {
    const { task, similar } = evidence
    const isOwn = task !== undefined && similar.length === 0 && !evidence.isUnreachable
    const cache = answersNow()
    const key = isOwn ? cache.keyOf(task, query, evidence.requestRatios) : undefined
    const kept = key === undefined ? undefined : cache.get(key)
    if (kept !== undefined) return kept
    const context = contextIn(query, evidence)
    return answering.answer(context, waits, {
      steps: estimateSteps,
      again: (waits) => estimateFor(query, waits),
      keep(estimate) {
        if (key !== undefined && context.access.faults.size === task?.leftOut.size) cache.put(key, estimate)
      },
    })
  }

  const estimateFor = (query: EstimateQuery, waits = 0): Answer | Promise<Answer> =>
    withEvidence(query, (evidence) => estimateFrom(query, evidence, waits))

  const confidenceFor = (
    query: EstimateQuery,
    resources: Resources | undefined,
    withCurve = false,
    waits = 0,
  ): ConfidenceAnswer | Promise<ConfidenceAnswer> =>
    withEvidence(query, (evidence) =>
      answering.answer(contextIn(query, evidence), waits, {
        steps: (context) => confidenceSteps(context, resources, withCurve),
        again: (waits) => confidenceFor(query, resources, withCurve, waits),
      }),
    )

  /** What a breaker lets be followed enters every answer. */
  function answersNow(): AnswerCache {
    if (followingEpoch !== breakers.followingEpoch) {
      followingEpoch = breakers.followingEpoch
      answers = answerCache(settings.maxAnswers)
    }
    return answers
  }

  return {
    estimate: (query) => estimateFor(query),
    confidence: (query, resources, withCurve) => confidenceFor(query, resources, withCurve),
    accuracy(task) {
      const id = taskProfileId(task)
      const known = async (found: Lookup) => {
        await learned.prepare(id, found)
        const profile = learned.get(id, found)
        return typeof profile === 'string' ? [] : profile.profile.accuracy
      }
      const found = replica.lookup(id)
      return found === 'not-held' ? replica.fetch(id).then(known) : known(found)
    },
    age() {
      const stalenessMs = replica.stalenessMs()
      return { stalenessMs, stale: staleView(stalenessMs, settings.staleAfterMs) }
    },
  }
}
