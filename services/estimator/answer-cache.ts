import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Policy } from '../../shared/domain/policy.ts'
import { type Dimension, dimensions, type Resources } from '../../shared/domain/resources.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { LearnedProfile } from './domain/ensemble/learned-profile.ts'
import type { Answer } from './domain/estimate/estimate.ts'
import type { RequestRatios } from './domain/history/request-ratios.ts'
import { keepBytesOf } from './estimate-bytes.ts'

/** Estimates made before: the same profile and the same query give the same answer, so it need not be made again. */
export interface AnswerCache {
  /** Undefined where nothing may be kept. */
  keyOf(task: LearnedProfile, query: EstimateQuery, requestRatios?: RequestRatios): AnswerKey | undefined
  get(key: AnswerKey): Answer | undefined
  /** Kept from the second time on: most queries are asked once, and to keep those costs more than it saves. */
  put(key: AnswerKey, answer: Answer): void
}

export interface AnswerKey {
  /** Of the same query the same, and mostly of no other. To see by it that a query is new is quicker than to write its text. */
  readonly checksum: number
  readonly serial: number
  readonly query: EstimateQuery
  readonly ratios: RequestRatios | undefined
}

/** Queries remembered as made once, for each answer that may be kept; of two in one place the later is remembered. */
const rememberedPerAnswer = 4
const mostRemembered = 2 ** 20

/** Law: never more than `maxAnswers` answers; one for a single execution is not kept. Of two with one checksum the later is kept. */
export function answerCache(maxAnswers: number): AnswerCache {
  const serials = new WeakMap<LearnedProfile, number>()
  let next = 0
  const answers = recentlyUsed<{ readonly text: string; readonly answer: Answer }, number>(maxAnswers)
  const made = new Int32Array(Math.min(mostRemembered, rememberedPerAnswer * maxAnswers))
  const checksumOf = queryChecksum()

  function serialOf(task: LearnedProfile): number {
    const known = serials.get(task)
    if (known !== undefined) return known
    serials.set(task, next)
    return next++
  }

  function isSecond(checksum: number): boolean {
    const place = (checksum >>> 0) % made.length
    if (made[place] === checksum) return true
    made[place] = checksum
    return false
  }

  return {
    keyOf(task, query, ratios) {
      if (maxAnswers === 0) return undefined
      const serial = serialOf(task)
      return { checksum: checksumOf(serial, query), serial, query, ratios }
    },
    get(key) {
      const kept = answers.get(key.checksum)
      return kept !== undefined && kept.text === textOf(key) ? kept.answer : undefined
    },
    put(key, answer) {
      if (answer.variantByExecution || !isSecond(key.checksum)) return
      answers.set(key.checksum, { text: textOf(key), answer })
      keepBytesOf(answer)
    },
  }
}

/** Of no other query the same. */
function textOf({ serial, query, ratios }: AnswerKey): string {
  const { features, labels, requested, attempt, previousOutcome, previousAllocation, policy } = query
  return `${serial}${JSON.stringify([features, labels, requested, attempt, previousOutcome, previousAllocation, policy, ratios])}`
}

/** No character. */
const endOfText = 0x10000

/**
 * A checksum of what mostly tells queries apart: the task, features, labels, amounts, the policy; not the names of features and labels.
 * Source: MurmurHash3 (Appleby).
 */
function queryChecksum(): (serial: number, query: EstimateQuery) => number {
  const double = new Float64Array(1)
  const words = new Uint32Array(double.buffer)
  let hash = 0

  function addWord(word: number): void {
    const once = Math.imul(word, 0xcc9e2d51)
    hash ^= Math.imul((once << 15) | (once >>> 17), 0x1b873593)
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64
  }

  function add(value: number): void {
    double[0] = value
    addWord(words[0] as number)
    addWord(words[1] as number)
  }

  function addText(text: string): void {
    for (let i = 0; i < text.length; i++) addWord(text.charCodeAt(i))
    addWord(endOfText)
  }

  function addResources(resources: Resources): void {
    for (let i = 0; i < dimensions.length; i++) {
      const amount = resources[dimensions[i] as Dimension]
      if (amount === undefined) continue
      addWord(i)
      add(amount)
    }
  }

  /** Mostly none: but arms of an experiment ask the same under different ones by turns. */
  function addPolicy({ risk, targetCoverage, strategies, min, max, overhead }: Partial<Policy>): void {
    if (risk !== undefined) add(risk)
    addWord(endOfText)
    if (targetCoverage !== undefined) add(targetCoverage)
    if (strategies !== undefined) for (const strategy of strategies) addText(strategy)
    for (const amounts of [min, max, overhead]) {
      addWord(endOfText)
      if (amounts !== undefined) addResources(amounts)
    }
  }

  return (serial, { features, labels, requested, attempt, previousAllocation, previousOutcome, policy }) => {
    hash = serial
    addWord(attempt)
    for (const name in features) add(features[name] as number)
    for (const name in labels) addText(labels[name] as string)
    addResources(requested)
    addResources(previousAllocation)
    if (previousOutcome !== undefined) addText(previousOutcome)
    addPolicy(policy)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return hash ^ (hash >>> 16)
  }
}
