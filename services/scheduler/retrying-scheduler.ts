import type { Outcome } from '../../shared/domain/execution.ts'
import { type AttemptEnd, nextAttempt } from './domain/next-attempt.ts'
import type { LearningScheduler } from './learning-scheduler.ts'
import type { SchedulableTask } from './resource-aware-scheduler.ts'

export type { AttemptEnd }

export interface RetryOptions<R> {
  /** Attempts in all. Default 4. */
  readonly maxAttempts?: number
  /** Outcomes that are worth another attempt. Default: out of memory, timed out, evicted, lost. */
  readonly retried?: readonly Outcome[]
  /** Reads the scheduler's result. */
  readonly endOf: (result: R) => AttemptEnd
}

/**
 * Schedules a task again when it was killed: with more of what ran out, with the same after an eviction or a loss.
 * It gives up, with the last result, after `maxAttempts`, or where what ran out could not be raised, because its owner
 * has fixed it or a maximum holds it. Each attempt has an execution id of its own: `id`, then `id/2`, `id/3`…
 */
export function createRetryingScheduler<T extends SchedulableTask, R>(
  learning: Pick<LearningScheduler<T, R>, 'schedule'>,
  { maxAttempts, retried, endOf }: RetryOptions<R>,
): { schedule(task: T): Promise<R> } {
  return {
    async schedule(task) {
      for (let attempt = task; ; ) {
        const result = await learning.schedule(attempt)
        const next = nextAttempt(task, attempt, endOf(result), retried, maxAttempts)
        if (next === undefined) return result
        attempt = next
      }
    },
  }
}
