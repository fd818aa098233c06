import type { TaskKey } from '../../shared/domain/task.ts'
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
  /** An execution of a task, by `taskId`, began that stands for `weight`. */
  observe(taskId: string, weight: number, nowMs: number): void
  /** Part of its executions that is to be reported. */
  fractionOf(taskId: string): number
  sampleIntervalMs(openExecutions: number): number
}

/** Tasks remembered; one that is forgotten is reported in full until it is seen to be frequent again. */
const maxTasks = 10_000

export function taskRates(settings: SamplingSettings): TaskRates {
  const rates = recentlyUsed<TaskRate>(maxTasks)
  return {
    observe(taskId, weight, nowMs) {
      rates.set(taskId, observeRate(rates.get(taskId) ?? newTaskRate(nowMs), weight, nowMs, settings))
    },
    fractionOf: (taskId) => rates.peek(taskId)?.fraction ?? 1,
    sampleIntervalMs: (openExecutions) => sampleIntervalMs(openExecutions, settings),
  }
}
