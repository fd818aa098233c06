import { exhaustedBy } from '../../shared/domain/evidence.ts'
import type { Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { LearningScheduler } from './learning-scheduler.ts'
import type { SchedulableTask } from './resource-aware-scheduler.ts'

/** How an attempt ended, and what it had been given. */
export interface AttemptEnd {
  readonly outcome: Outcome
  readonly allocated: Resources
}

export interface RetryOptions<R> {
  /** Attempts in all. Default 4. */
  readonly maxAttempts?: number
  /** Outcomes that are worth another attempt. Default: out of memory, timed out, evicted, lost. */
  readonly retried?: readonly Outcome[]
  /** Reads the scheduler's result. */
  readonly endOf: (result: R) => AttemptEnd
}

const defaultRetried: readonly Outcome[] = ['out-of-memory', 'timed-out', 'evicted', 'lost']

/**
 * Schedules a task again when it was killed: with more of what ran out, with the same after an eviction or a loss.
 * It gives up, with the last result, after `maxAttempts`, or where what ran out could not be raised, because its owner
 * has fixed it or a maximum holds it. Each attempt has an execution id of its own: `id`, then `id/2`, `id/3`…
 */
export function createRetryingScheduler<T extends SchedulableTask, R>(
  learning: Pick<LearningScheduler<T, R>, 'schedule'>,
  { maxAttempts = 4, retried = defaultRetried, endOf }: RetryOptions<R>,
): { schedule(task: T): Promise<R> } {
  return {
    async schedule(task) {
      let next = task
      for (let attempt = task.attempt ?? 1; ; attempt++) {
        const result = await learning.schedule(next)
        const { outcome, allocated } = endOf(result)
        if (!retried.includes(outcome) || attempt >= maxAttempts) return result
        const ranOut = exhaustedBy(outcome)
        const isHeld =
          ranOut !== undefined &&
          (task.explicit?.[ranOut] !== undefined ||
            (next.previousOutcome === outcome &&
              (allocated[ranOut] ?? 0) <= (next.previousAllocation?.[ranOut] ?? 0)))
        if (isHeld) return result
        next = {
          ...task,
          executionId: `${task.executionId}/${attempt + 1}`,
          attempt: attempt + 1,
          previousAllocation: allocated,
          previousOutcome: outcome,
        }
      }
    },
  }
}
