import { crc32 } from 'node:zlib'
import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { LearnedProfile } from './domain/ensemble/learned-profile.ts'
import type { Answer } from './domain/estimate/estimate.ts'
import type { RequestRatios } from './domain/history/request-ratios.ts'
import { keepBytesOf } from './estimate-bytes.ts'

/** Estimates made before: the same profile and the same query give the same answer, so it need not be made again. */
export interface AnswerCache {
  /** Undefined where nothing may be kept. */
  keyOf(task: LearnedProfile, query: EstimateQuery, requestRatios?: RequestRatios): string | undefined
  get(key: string): Answer | undefined
  /** Kept from the second time on: most queries are asked once, and to keep those costs more than it saves. */
  put(key: string, answer: Answer): void
}

/** Queries remembered as made once, for each answer that may be kept; of two in one place the later is remembered. */
const rememberedPerAnswer = 4
const mostRemembered = 2 ** 20

/** Law: never more than `maxAnswers` answers; one for a single execution is not kept. */
export function answerCache(maxAnswers: number): AnswerCache {
  const serials = new WeakMap<LearnedProfile, number>()
  let next = 0
  const answers = recentlyUsed<Answer>(maxAnswers)
  const made = new Uint32Array(Math.min(mostRemembered, rememberedPerAnswer * maxAnswers))

  function isSecond(key: string): boolean {
    const checksum = crc32(key)
    const place = checksum % made.length
    if (made[place] === checksum) return true
    made[place] = checksum
    return false
  }

  return {
    keyOf(task, query, ratios) {
      if (maxAnswers === 0) return undefined
      let serial = serials.get(task)
      if (serial === undefined) {
        serial = next++
        serials.set(task, serial)
      }
      const { features, labels, requested, attempt, previousOutcome, previousAllocation, policy } = query
      return `${serial}${JSON.stringify([features, labels, requested, attempt, previousOutcome, previousAllocation, policy, ratios])}`
    },
    get: (key) => answers.get(key),
    put(key, answer) {
      if (answer.variantByExecution || !isSecond(key)) return
      answers.set(key, answer)
      keepBytesOf(answer)
    },
  }
}
