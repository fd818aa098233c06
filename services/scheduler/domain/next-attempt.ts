import { exhaustedBy } from '../../../shared/domain/evidence.ts'
import type { Outcome } from '../../../shared/domain/execution.ts'
import type { Resources } from '../../../shared/domain/resources.ts'

/** How an attempt ended, and what it had been given. */
export interface AttemptEnd {
  readonly outcome: Outcome
  readonly allocated: Resources
}

/** What makes one attempt at a task differ from another. */
export interface Attempt {
  readonly executionId: string
  readonly attempt?: number
  readonly explicit?: Resources
  readonly previousAllocation?: Resources
  readonly previousOutcome?: Outcome
}

/** Outcomes that are worth another attempt. */
export const defaultRetried: readonly Outcome[] = ['out-of-memory', 'timed-out', 'evicted', 'lost']

export const defaultMaxAttempts = 4

/**
 * The attempt after `last`, of which `first` was the first. Undefined where there is none: its outcome is not worth one,
 * `maxAttempts` have been made, or what ran out could not be raised, because its owner has fixed it or a maximum holds it.
 */
export function nextAttempt<T extends Attempt>(
  first: T,
  last: Attempt,
  { outcome, allocated }: AttemptEnd,
  retried: readonly Outcome[] = defaultRetried,
  maxAttempts = defaultMaxAttempts,
): T | undefined {
  const attempt = (last.attempt ?? 1) + 1
  if (!retried.includes(outcome) || attempt > maxAttempts) return undefined
  const ranOut = exhaustedBy(outcome)
  const isHeld =
    ranOut !== undefined &&
    (first.explicit?.[ranOut] !== undefined ||
      (last.previousOutcome === outcome &&
        (allocated[ranOut] ?? 0) <= (last.previousAllocation?.[ranOut] ?? 0)))
  if (isHeld) return undefined
  return {
    ...first,
    executionId: `${first.executionId}/${attempt}`,
    attempt,
    previousAllocation: allocated,
    previousOutcome: outcome,
  }
}
