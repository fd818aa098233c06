export type LearningState = 'HEALTHY' | 'DEGRADED' | 'UNAVAILABLE'

/** Health of the way to the estimator. Scheduling goes on in all three. */
export interface LearningHealth {
  readonly state: LearningState
  /** Empty where healthy. */
  readonly reasons: readonly string[]
}

export interface HealthFacts {
  readonly isBreakerOpen: boolean
  readonly isBreakerHalfOpen: boolean
  readonly consecutiveFailures: number
  readonly lastError: string | undefined
  /** Of the latest answer: how old the estimator's view of the profiles is. */
  readonly stalenessMs: number
  readonly maxStalenessMs: number
}

/** Failures in a row after which learning counts as gone, though the breaker may not have opened yet. */
const failuresUntilUnavailable = 3

export function healthOf(facts: HealthFacts): LearningHealth {
  const { consecutiveFailures, lastError, stalenessMs, maxStalenessMs } = facts
  const failing = `${consecutiveFailures} failed asks in a row, the last: ${lastError ?? 'unknown'}`
  if (facts.isBreakerOpen) return { state: 'UNAVAILABLE', reasons: ['the breaker is open', failing] }
  if (consecutiveFailures >= failuresUntilUnavailable) return { state: 'UNAVAILABLE', reasons: [failing] }
  const reasons = [
    ...(facts.isBreakerHalfOpen ? ['the breaker is trying again'] : []),
    ...(consecutiveFailures > 0 ? [failing] : []),
    ...(stalenessMs > maxStalenessMs
      ? [`the estimator has not heard from the profiler for ${Math.round(stalenessMs)} ms`]
      : []),
  ]
  return { state: reasons.length === 0 ? 'HEALTHY' : 'DEGRADED', reasons }
}
