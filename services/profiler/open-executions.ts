import type { ExecutionStart, RunningExecution } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { type TaskKey, taskId } from '../../shared/domain/task.ts'
import { turn } from '../../shared/runtime/turns.ts'
import type { RunningUpdate } from './committer.ts'
import { addTo } from './counts.ts'
import type { OpenExecution, Session } from './domain/session.ts'
import { usageOf } from './domain/usage.ts'

export interface OpenExecutionsSettings {
  /** Executions under way are shown in their profile at most so often. Default 1000. */
  readonly runningIntervalMs: number
}

/** The executions of the sessions that this process holds, counted by task, and which of them are worth showing in their profile. */
export interface OpenExecutions {
  add(starts: readonly ExecutionStart[]): void
  remove(starts: readonly ExecutionStart[]): void
  /** Of a task, by `taskId`. */
  countOf(taskId: string): number
  /** Those that run longer than an interval and whose peaks have grown since they were last taken. */
  takeUpdates(sessions: readonly Session[], nowUnixMs: number): Promise<readonly RunningUpdate[]>
}

/** Profiles that show what runs, brought up to date in one go; the others have their turn next time. */
const maxUpdates = 256

/** A peak that grew by less says nothing new. */
const noticeableGrowth = 1.05

export function openExecutions(settings: OpenExecutionsSettings): OpenExecutions {
  const byTask = new Map<string, number>()
  let shown = new Map<string, Resources>()

  function move(starts: readonly ExecutionStart[], step: 1 | -1): void {
    for (const { task } of starts) addTo(byTask, taskId(task), step)
  }

  return {
    add: (starts) => move(starts, 1),
    remove: (starts) => move(starts, -1),
    countOf: (taskId) => byTask.get(taskId) ?? 0,
    async takeUpdates(sessions, nowUnixMs) {
      const updates = new Map<string, { task: TaskKey; reported: RunningExecution[] }>()
      const stillShown = new Map<string, Resources>()
      for (const { open } of sessions) {
        for (const execution of open.values()) {
          if (turn.isOver()) await turn.rest()
          if (nowUnixMs - execution.startedUnixMs < settings.runningIntervalMs) continue
          const { executionId, task } = execution.start
          const peak = peakOf(execution, nowUnixMs)
          const text = taskId(task)
          const id = `${text}\0${executionId}`
          const before = shown.get(id)
          const hasTurn = updates.has(text) || updates.size < maxUpdates
          if (!hasTurn || (before && !hasGrown(before, peak))) {
            if (before) stillShown.set(id, before)
            continue
          }
          stillShown.set(id, peak)
          const update = updates.get(text) ?? { task, reported: [] }
          updates.set(text, update)
          update.reported.push(runningOf(execution, peak))
        }
      }
      shown = stillShown
      return [...updates.values()]
    },
  }
}

function runningOf(
  { start, startedUnixMs, lastSeenUnixMs }: OpenExecution,
  peak: Resources,
): RunningExecution {
  const { executionId, attempt, features, labels, requested, allocated } = start
  const times = { startedAtUnixMs: startedUnixMs, lastSeenUnixMs }
  return { executionId, attempt, features, labels, requested, allocated, peak, ...times }
}

function peakOf({ totals, startedUnixMs }: OpenExecution, nowUnixMs: number): Resources {
  const usage = usageOf(totals)
  return { ...usage, durationMs: Math.max(totals.elapsedMs, nowUnixMs - startedUnixMs) }
}

function hasGrown(before: Resources, now: Resources): boolean {
  const grown = (a: number | undefined, b: number | undefined, factor: number) => (b ?? 0) > (a ?? 0) * factor
  return (
    grown(before.memoryBytes, now.memoryBytes, noticeableGrowth) ||
    grown(before.diskBytes, now.diskBytes, noticeableGrowth) ||
    grown(before.gpuMemoryBytes, now.gpuMemoryBytes, noticeableGrowth) ||
    grown(before.durationMs, now.durationMs, 1.5)
  )
}
