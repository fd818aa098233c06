import { type TaskKey, taskId } from '../../shared/domain/task.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import {
  newTaskRate,
  observeRate,
  type SamplingSettings,
  sampleIntervalMs,
  type TaskRate,
} from './domain/sampling.ts'

/** How much of a task its workers shall report. */
export interface Directive {
  readonly task: TaskKey
  readonly executionFraction: number
  readonly minSampleIntervalMs: number
}

/** How often the tasks run that were reported lately. */
export interface TaskRates {
  /** An execution of the task began that stands for `weight`. */
  observe(task: TaskKey, weight: number, nowMs: number): void
  directiveFor(task: TaskKey, openExecutions: number): Directive
}

/** Tasks remembered; one that is forgotten is reported in full until it is seen to be frequent again. */
const maxTasks = 10_000

export function taskRates(settings: SamplingSettings): TaskRates {
  const rates = recentlyUsed<TaskRate>(maxTasks)
  return {
    observe(task, weight, nowMs) {
      const text = taskId(task)
      rates.set(text, observeRate(rates.get(text) ?? newTaskRate(nowMs), weight, nowMs, settings))
    },
    directiveFor: (task, openExecutions) => ({
      task,
      executionFraction: rates.get(taskId(task))?.fraction ?? 1,
      minSampleIntervalMs: sampleIntervalMs(openExecutions, settings),
    }),
  }
}
