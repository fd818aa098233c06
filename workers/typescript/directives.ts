import { type TaskKey, taskId } from '../../shared/domain/task.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { SamplingDirective } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'

export interface ReportingDecision {
  readonly isReported: boolean
  /** Executions that a reported one stands for. */
  readonly weight: number
  readonly minSampleIntervalMs: number
}

/** What the server asked of each task. The share reported is drawn per execution, so that counts stay unbiased. */
export interface Directives {
  receive(directive: SamplingDirective): void
  decide(task: TaskKey): ReportingDecision
}

/** Tasks remembered; the one heard of or run longest ago goes first, and is reported whole again. */
const maxTasks = 10_000

export function createDirectives(random: () => number = Math.random): Directives {
  const byTask = recentlyUsed<{ readonly fraction: number; readonly minSampleIntervalMs: number }>(maxTasks)
  return {
    receive({ task, executionFraction, minSampleIntervalMs }) {
      if (task === undefined || !(executionFraction > 0 && executionFraction <= 1)) return
      byTask.set(taskId(task), { fraction: executionFraction, minSampleIntervalMs })
    },
    decide(task) {
      const { fraction, minSampleIntervalMs } = byTask.get(taskId(task)) ?? {
        fraction: 1,
        minSampleIntervalMs: 0,
      }
      return { isReported: random() < fraction, weight: 1 / fraction, minSampleIntervalMs }
    },
  }
}
