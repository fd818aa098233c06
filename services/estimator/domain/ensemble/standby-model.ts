import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Learning } from './dimension-model.ts'
import { unguarded } from './guard.ts'
import { extendTask, fitTask, type TaskModel } from './task-model.ts'

/**
 * The model of what a profile will hold once it is full and drops its oldest executions. It is built beside the one that
 * answers, a few executions after each update, when nobody waits, so that no update pays for a full replay.
 * Law: once it has learned all, it equals `fitTask` of what is left, to the bit. A guess that does not come true costs no
 * more than its own work.
 */
export interface StandbyModel {
  /** Executions at the old end that it is without. */
  readonly dropped: number
  readonly model: TaskModel
  /** Executions learned of those after them. */
  learned: number
}

/** Of the profiler's `maxExecutions` and `droppedExecutions`; with others each drop is a full replay. */
export const expectedRing = { executions: 96, dropped: 32 }

/** Most executions learned ahead after one update. Where more come at once than it can follow, the drop is a full replay. */
const mostAtOnce = 5
/** Executions before the drop at which it is begun, twice what one by one would need. For so long there are two models. */
const headStart = Math.ceil((2 * (expectedRing.executions - expectedRing.dropped)) / mostAtOnce)

/** Extends a standby model, or begins one when it is time. Undefined where there is none for now. */
export function extendStandby(
  before: StandbyModel | undefined,
  executions: readonly ExecutionRecord[],
  learning: Learning,
): StandbyModel | undefined {
  const left = expectedRing.executions - executions.length
  if (left < 0 || left > headStart) return undefined
  const ahead = { ...learning, guard: unguarded }
  const { dropped, executions: expected } = expectedRing
  const next = before ?? { dropped, model: fitTask([], ahead, expected), learned: 0 }
  const due = Math.min(mostAtOnce, executions.length - next.dropped - next.learned)
  try {
    for (let i = 0; i < due; i++)
      extendTask(next.model, executions[next.dropped + next.learned++] as ExecutionRecord, ahead)
  } catch {
    // A strategy that fails is for the guard to see, in the full replay.
    return undefined
  }
  return next
}

/** The model of what is left after `dropped` of `known` executions, where it is ready. */
export function takeOver(
  standby: StandbyModel | undefined,
  known: number,
  dropped: number,
): TaskModel | undefined {
  if (standby?.dropped !== dropped || standby.learned !== known - dropped) return undefined
  return standby.model
}
