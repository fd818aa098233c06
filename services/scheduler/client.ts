import { setTimeout as sleep } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import CircuitBreaker from 'opossum'
import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import {
  type ClientSettings,
  call,
  channelCredentials,
  clientOptionsFor,
  clientSecurityOf,
  securityIn,
  statusOf,
} from '../../shared/rpc/client.ts'
import { requireNode } from '../../shared/runtime/node-version.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { ReceivedEstimate } from '../../shared/wire/estimate.ts'
import {
  EstimatorServiceClient,
  type EstimateQuery as WireQuery,
} from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { limits } from '../../shared/wire/limits.ts'
import { type EstimateAnswer, readResult } from './answer.ts'
import { healthOf, type LearningHealth } from './health.ts'
import { encoded, keyOf } from './question.ts'

export interface EstimatorClientOptions extends Partial<ClientSettings> {
  /** Longest wait of one ask, retries included. Default 250. */
  readonly deadlineMs?: number
  /** An answer is used again for so long. Default 5000. */
  readonly updateIntervalMs?: number
  /** With the estimator gone, an answer is used for so long. Default 600,000. */
  readonly maxAnswerAgeMs?: number
  /** Answers kept. Default 10,000. */
  readonly maxAnswers?: number
  /** Asks under way or waiting before further ones are refused at once. Default 10,000. */
  readonly maxPending?: number
  /** First wait before a retry within the deadline; doubled with each, jittered by half. Default 10. */
  readonly backoffMs?: number
  /** Share of failed calls at which the breaker opens. Default 0.5. */
  readonly breakerErrorShare?: number
  /** Calls within ten seconds before the breaker judges. Default 3. */
  readonly breakerMinCalls?: number
  /** Time until an open breaker lets one call through. Default 1000. */
  readonly breakerResetMs?: number
  /** An estimator whose view is older makes learning DEGRADED. Default 60,000. */
  readonly maxStalenessMs?: number
  readonly monotonicMs?: () => number
  readonly random?: () => number
}

export interface EstimatorClientStatistics {
  /** That no answer kept has served. */
  readonly asks: number
  readonly cached: number
  /** Answered from an answer past its time, since the estimator could not be reached. */
  readonly outdated: number
  readonly unavailable: number
  readonly calls: number
  readonly failedCalls: number
}

export interface EstimatorClient {
  /** Never rejects, and waits no longer than the deadline. `maxAgeMs` replaces `updateIntervalMs`. */
  estimate(query: EstimateQuery, maxAgeMs?: number): Promise<EstimateAnswer>
  /** The answer to the same question if it was given within `maxAgeMs`, by default `updateIntervalMs`. */
  cached(query: EstimateQuery, maxAgeMs?: number): EstimateAnswer | undefined
  health(): LearningHealth
  statistics(): EstimatorClientStatistics
  close(): void
}

/** Where `foresize up` listens. */
export const defaultEstimatorTarget = '127.0.0.1:7071'

interface Ask {
  readonly key: string
  /** The same question for any execution. */
  readonly fallbackKey: string
  readonly query: WireQuery
  readonly bytes: number
  readonly settle: (answer: EstimateAnswer) => void
}

/**
 * Asks the estimator on behalf of a scheduler. Asks of the same turn of the event loop go in one EstimateBatch; the
 * same question asked twice at once is asked once.
 */
export function createEstimatorClient(options: EstimatorClientOptions = {}): EstimatorClient {
  requireNode()
  const {
    deadlineMs = 250,
    updateIntervalMs = 5000,
    maxAnswerAgeMs = 600_000,
    maxAnswers = 10_000,
    maxPending = 10_000,
    backoffMs = 10,
    breakerErrorShare = 0.5,
    breakerMinCalls = 3,
    breakerResetMs = 1000,
    maxStalenessMs = 60_000,
    monotonicMs = () => performance.now(),
    random = Math.random,
  } = options
  const target = options.target ?? process.env['FORESIZE_ESTIMATOR'] ?? defaultEstimatorTarget
  const settings = { target, ...clientSecurityOf(process.env), ...securityIn(options) }
  const client = new EstimatorServiceClient(target, channelCredentials(settings), clientOptionsFor(settings))
  const answers = recentlyUsed<{ readonly estimate: ReceivedEstimate; readonly atMs: number }>(maxAnswers)
  const underWay = new Map<string, Promise<EstimateAnswer>>()
  const counts = { asks: 0, cached: 0, outdated: 0, unavailable: 0, calls: 0, failedCalls: 0 }
  let waiting: Ask[] = []
  let consecutiveFailures = 0
  let lastError: string | undefined
  let stalenessMs = 0
  /** An A/B test runs whose variants are drawn by execution: the answer for one is not the answer for another. */
  let drawsByExecution = false

  const breaker = new CircuitBreaker(askOnce, {
    timeout: false,
    errorThresholdPercentage: breakerErrorShare * 100,
    volumeThreshold: breakerMinCalls,
    resetTimeout: breakerResetMs,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    errorFilter: (error: unknown) => statusOf(error) === status.INVALID_ARGUMENT,
  })

  /** One call. Rejects where the answer is not one that can be used. */
  async function askOnce(queries: readonly WireQuery[], withinMs: number): Promise<EstimateAnswer[]> {
    counts.calls++
    try {
      const [only] = queries
      const results =
        queries.length === 1 && only !== undefined
          ? [await askSingle(only, withinMs)]
          : (await call(client.estimateBatch.bind(client), { queries }, withinMs)).results.map(readResult)
      if (results.length !== queries.length) {
        throw new Error(`${queries.length} questions got ${results.length} answers`)
      }
      consecutiveFailures = 0
      return results
    } catch (error) {
      if (statusOf(error) !== status.INVALID_ARGUMENT) {
        counts.failedCalls++
        consecutiveFailures++
        lastError = messageOf(error)
      }
      throw error
    }
  }

  async function askSingle(query: WireQuery, withinMs: number): Promise<EstimateAnswer> {
    const { estimate } = await call(client.estimate.bind(client), { query }, withinMs)
    return readResult({ result: estimate === undefined ? undefined : { $case: 'estimate', value: estimate } })
  }

  async function askWithRetries(queries: readonly WireQuery[]): Promise<EstimateAnswer[]> {
    const endMs = monotonicMs() + deadlineMs
    for (let waitMs = backoffMs; ; waitMs *= 2) {
      try {
        return await breaker.fire(queries, Math.max(1, endMs - monotonicMs()))
      } catch (error) {
        const pauseMs = waitMs * (0.5 + random() / 2)
        const isWorthIt = statusOf(error) === status.UNAVAILABLE && !breaker.opened
        if (!isWorthIt || monotonicMs() + pauseMs >= endMs) throw error
        await sleep(pauseMs)
      }
    }
  }

  function send(asks: readonly Ask[]): void {
    const settleAll = (reason: string) => {
      for (const { settle } of asks) settle({ kind: 'unavailable', reason })
    }
    const timer = setTimeout(() => settleAll(`no answer within ${deadlineMs} ms`), deadlineMs)
    askWithRetries(asks.map(({ query }) => query))
      .then(
        (results) => {
          for (const [i, { key, fallbackKey, settle }] of asks.entries()) {
            const answer = results[i] ?? { kind: 'unavailable', reason: 'no answer' }
            if (answer.kind === 'estimate') {
              stalenessMs = answer.estimate.stalenessMs
              drawsByExecution = answer.estimate.variantByExecution
              const kept = { estimate: answer.estimate, atMs: monotonicMs() }
              answers.set(key, kept)
              if (fallbackKey !== key) answers.set(fallbackKey, kept)
            }
            settle(answer)
          }
        },
        (error: unknown) => settleAll(messageOf(error)),
      )
      .finally(() => clearTimeout(timer))
  }

  function sendWaiting(): void {
    const asks = waiting
    waiting = []
    let [from, bytes] = [0, 0]
    for (const [i, ask] of asks.entries()) {
      if (i > from && (i - from >= limits.queries || bytes + ask.bytes > maxBatchBytes)) {
        send(asks.slice(from, i))
        ;[from, bytes] = [i, 0]
      }
      bytes += ask.bytes
    }
    if (from < asks.length) send(asks.slice(from))
  }

  function ask(key: string, fallbackKey: string, query: EstimateQuery): Promise<EstimateAnswer> {
    if (breaker.opened) return Promise.resolve({ kind: 'unavailable', reason: 'the breaker is open' })
    if (underWay.size >= maxPending) return Promise.resolve({ kind: 'unavailable', reason: 'too many asks' })
    const wire = encoded(query)
    if ('reason' in wire) return Promise.resolve({ kind: 'unavailable', reason: wire.reason })
    const answer = new Promise<EstimateAnswer>((settle) => {
      if (waiting.length === 0) setImmediate(sendWaiting)
      waiting.push({ key, fallbackKey, ...wire, settle })
    }).finally(() => underWay.delete(key))
    underWay.set(key, answer)
    return answer
  }

  function keptAnswer(key: string, maxAgeMs: number): EstimateAnswer | undefined {
    const kept = answers.get(key)
    if (kept === undefined) return undefined
    const ageMs = monotonicMs() - kept.atMs
    return ageMs > maxAgeMs ? undefined : { kind: 'estimate', estimate: kept.estimate, ageMs }
  }

  /** The last answer, where the estimator cannot be reached and it is not too old. */
  function orOutdated(fallbackKey: string, answer: EstimateAnswer): EstimateAnswer {
    if (answer.kind === 'estimate') return answer
    const last = keptAnswer(fallbackKey, maxAnswerAgeMs)
    counts[last === undefined ? 'unavailable' : 'outdated']++
    return last ?? answer
  }

  const forExecution = (key: string, { executionId }: EstimateQuery) =>
    drawsByExecution ? `${key}\n${executionId}` : key

  function cachedAt(key: string, maxAgeMs = updateIntervalMs): EstimateAnswer | undefined {
    const answer = keptAnswer(key, maxAgeMs)
    if (answer !== undefined) counts.cached++
    return answer
  }

  return {
    cached: (query, maxAgeMs) => cachedAt(forExecution(keyOf(query), query), maxAgeMs),

    estimate(query, maxAgeMs) {
      const fallbackKey = keyOf(query)
      const key = forExecution(fallbackKey, query)
      const known = cachedAt(key, maxAgeMs)
      if (known !== undefined) return Promise.resolve(known)
      counts.asks++
      return (underWay.get(key) ?? ask(key, fallbackKey, query)).then((answer) =>
        orOutdated(fallbackKey, answer),
      )
    },

    health: () =>
      healthOf({
        isBreakerOpen: breaker.opened,
        isBreakerHalfOpen: breaker.halfOpen,
        consecutiveFailures,
        lastError,
        stalenessMs,
        maxStalenessMs,
      }),

    statistics: () => counts,

    close() {
      breaker.shutdown()
      client.close()
    },
  }
}

/** Of one call, well below what a server takes. */
const maxBatchBytes = 1024 * 1024

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
