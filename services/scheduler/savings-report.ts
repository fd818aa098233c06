import type { Resources } from '../../shared/domain/resources.ts'
import { type TaskKey, taskId } from '../../shared/domain/task.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { addSavings, noSavings, type Savings } from './domain/savings.ts'

/** What foresize gave or would have given, against what was used, per task. Bounded; the oldest go first. */
export interface SavingsReport {
  sized(
    executionId: string,
    sizing: { readonly given: Resources; readonly advised: Resources | undefined },
  ): void
  /** Once an execution has ended. One that was not sized here, or too long ago, is ignored. */
  used(executionId: string, task: TaskKey, used: Resources): void
  byTask(): readonly { readonly task: TaskKey; readonly savings: Savings }[]
  /** Over all tasks, those that were forgotten included. */
  total(): Savings
}

export function createSavingsReport({ maxUnderWay = 10_000, maxTasks = 1000 } = {}): SavingsReport {
  const underWay = recentlyUsed<{ readonly given: Resources; readonly advised: Resources | undefined }>(
    maxUnderWay,
  )
  const tasks = recentlyUsed<{ readonly task: TaskKey; readonly savings: Savings }>(maxTasks)
  let total = noSavings
  return {
    sized(executionId, sizing) {
      underWay.set(executionId, sizing)
    },
    used(executionId, task, used) {
      const sizing = underWay.get(executionId)
      if (sizing === undefined) return
      underWay.delete(executionId)
      const key = taskId(task)
      const before = tasks.get(key)?.savings ?? noSavings
      total = addSavings(total, { ...sizing, used })
      tasks.set(key, { task, savings: addSavings(before, { ...sizing, used }) })
    },
    byTask: () => [...tasks.entries()].map(([, task]) => task),
    total: () => total,
  }
}
