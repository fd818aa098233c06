import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { LearnedProfile } from './domain/ensemble/learned-profile.ts'
import type { Answer } from './domain/estimate/estimate.ts'

/** Estimates made before: the same profile and the same query give the same answer, so it need not be made again. */
export interface AnswerCache {
  get(task: LearnedProfile, query: EstimateQuery, requestRatios?: Resources): Answer | undefined
  put(task: LearnedProfile, query: EstimateQuery, requestRatios: Resources | undefined, answer: Answer): void
}

/** Law: never more than `maxAnswers` answers; one for a single execution is not kept. */
export function answerCache(maxAnswers: number): AnswerCache {
  const serials = new WeakMap<LearnedProfile, number>()
  let next = 0
  const answers = recentlyUsed<Answer>(maxAnswers)

  function keyOf(task: LearnedProfile, query: EstimateQuery, ratios: Resources | undefined): string {
    let serial = serials.get(task)
    if (serial === undefined) {
      serial = next++
      serials.set(task, serial)
    }
    const { features, labels, requested, attempt, previousOutcome, previousAllocation, policy } = query
    return `${serial}${JSON.stringify([features, labels, requested, attempt, previousOutcome, previousAllocation, policy, ratios])}`
  }

  return {
    get: (task, query, ratios) => (maxAnswers === 0 ? undefined : answers.get(keyOf(task, query, ratios))),
    put(task, query, ratios, answer) {
      if (maxAnswers > 0 && !answer.variantByExecution) answers.set(keyOf(task, query, ratios), answer)
    },
  }
}
