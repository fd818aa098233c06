import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { LearnedProfile } from './domain/ensemble/learned-profile.ts'
import type { Answer } from './domain/estimate/estimate.ts'

/** Estimates made before: the same profile and the same query give the same answer, so it need not be made again. */
export interface AnswerCache {
  get(task: LearnedProfile, query: EstimateQuery): Answer | undefined
  put(task: LearnedProfile, query: EstimateQuery, estimate: Answer): void
}

/**
 * Two generations: when the young one is full it becomes the old one, and what was not asked for meanwhile is gone.
 * Law: never more than `maxAnswers` answers; one for a single execution is not kept.
 */
export function answerCache(maxAnswers: number): AnswerCache {
  const serials = new WeakMap<LearnedProfile, number>()
  let next = 0
  let young = new Map<string, Answer>()
  let old = new Map<string, Answer>()

  function keyOf(task: LearnedProfile, query: EstimateQuery): string {
    let serial = serials.get(task)
    if (serial === undefined) {
      serial = next++
      serials.set(task, serial)
    }
    const { features, labels, requested, attempt, previousOutcome, previousAllocation, policy } = query
    return `${serial}${JSON.stringify([features, labels, requested, attempt, previousOutcome, previousAllocation, policy])}`
  }

  function keep(key: string, estimate: Answer): void {
    if (2 * (young.size + 1) > maxAnswers) {
      old = young
      young = new Map()
    }
    young.set(key, estimate)
  }

  return {
    get(task, query) {
      if (maxAnswers <= 1) return undefined
      const key = keyOf(task, query)
      const fresh = young.get(key)
      if (fresh !== undefined) return fresh
      const kept = old.get(key)
      if (kept !== undefined) keep(key, kept)
      return kept
    },
    put(task, query, estimate) {
      if (maxAnswers > 1 && !estimate.variantByExecution) keep(keyOf(task, query), estimate)
    },
  }
}
