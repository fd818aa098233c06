import type { Violation } from '../../../shared/domain/errors.ts'
import type {
  ExecutionRecord,
  ExecutionStart,
  Measured,
  MeasurementSource,
  Outcome,
} from '../../../shared/domain/execution.ts'
import { type Resources, resourceLimits } from '../../../shared/domain/resources.ts'
import { taskId } from '../../../shared/domain/task.ts'
import { addSamples, noUsage, type SampleColumns, type UsageTotals, usageOf } from './usage.ts'

/** An execution under way. */
export interface OpenExecution {
  readonly start: ExecutionStart
  readonly leaseMs: number
  /** Server time. */
  readonly startedUnixMs: number
  /** Server time of its latest report: its start, or samples. */
  readonly lastSeenUnixMs: number
  readonly totals: UsageTotals
}

/** A session of numbered batches: a value, replaced by each batch. */
export interface Session {
  /** The latest batch taken in; 0 for none. */
  readonly sequence: number
  /** Server time. */
  readonly lastActiveUnixMs: number
  readonly open: ReadonlyMap<string, OpenExecution>
  /** Namespaces of whoever opened it, which whoever takes it over must have; undefined where nobody was asked. */
  readonly scope?: readonly string[] | 'all' | undefined
}

export const newSession = (nowUnixMs: number): Session => ({
  sequence: 0,
  lastActiveUnixMs: nowUnixMs,
  open: new Map(),
})

/** An event and where it stood in its message, for what has to be said of it. */
export type Placed<T> = T & { readonly path: string }

export interface StartEvent {
  readonly start: ExecutionStart
  readonly leaseMs: number
}

export interface SamplesEvent {
  readonly executionId: string
  readonly columns: SampleColumns
}

export interface EndEvent {
  readonly executionId: string
  readonly outcome: Outcome
  readonly used: Resources
  readonly source: MeasurementSource
  readonly measured?: Measured | undefined
}

/** Events of one batch that were well formed. */
export interface Batch {
  readonly sequence: number
  readonly starts: readonly Placed<StartEvent>[]
  readonly samples: readonly Placed<SamplesEvent>[]
  readonly ends: readonly Placed<EndEvent>[]
}

/** An event that was refused. */
export interface Rejection {
  readonly executionId: string
  readonly violations: readonly Violation[]
}

export interface SessionLimits {
  readonly maxOpenExecutionsPerSession: number
  /** Why that further execution may not be kept open; undefined where it may. */
  readonly refuseOpen: (start: ExecutionStart) => string | undefined
  /** Why nothing may be learned in that namespace; undefined where it may. */
  readonly refuseNamespace: (namespace: string) => string | undefined
}

export interface Applied {
  readonly session: Session
  readonly started: readonly ExecutionStart[]
  /** Of those the ones that stay open. */
  readonly opened: readonly ExecutionStart[]
  /** Open before, and no longer. */
  readonly closed: readonly ExecutionStart[]
  readonly finished: readonly ExecutionRecord[]
  readonly rejections: readonly Rejection[]
}

/**
 * Takes in the next batch. A start that is open already is a repeat and ignored, unless it names another task; that,
 * and samples and ends of what is not open, are refused, and all else is taken.
 * Law: the session given is not changed; the caller adopts the one returned once that is durable.
 */
export function applyBatch(before: Session, batch: Batch, nowUnixMs: number, limits: SessionLimits): Applied {
  const open = new Map(before.open)
  const started: ExecutionStart[] = []
  const opened: ExecutionStart[] = []
  const closed: ExecutionStart[] = []
  const finished: ExecutionRecord[] = []
  const rejections: Rejection[] = []
  const refuse = (executionId: string, field: string, description: string) =>
    rejections.push({ executionId, violations: [{ field, description }] })

  // One that ends in the batch it begins in is not kept open: the limits of what is open are not for it.
  const brief = new Set(batch.ends.map(({ executionId }) => executionId))
  let kept = open.size
  const refuseOpen = (start: ExecutionStart) =>
    kept >= limits.maxOpenExecutionsPerSession
      ? `the session has ${kept} executions open, as many as it may`
      : limits.refuseOpen(start)
  for (const { start, leaseMs, path } of batch.starts) {
    const { executionId } = start
    const known = open.get(executionId)
    if (known) {
      if (isOfOtherTask(known, start)) refuse(executionId, `${path}.task`, otherTask)
      continue
    }
    const isBrief = brief.has(executionId)
    const { namespace } = start.task
    const reason = (isBrief ? undefined : refuseOpen(start)) ?? limits.refuseNamespace(namespace)
    if (reason) {
      refuse(executionId, `${path}.execution_id`, reason)
      continue
    }
    if (!isBrief) {
      kept++
      opened.push(start)
    }
    started.push(start)
    open.set(executionId, {
      start,
      leaseMs,
      startedUnixMs: nowUnixMs,
      lastSeenUnixMs: nowUnixMs,
      totals: noUsage,
    })
  }
  for (const { executionId, columns, path } of batch.samples) {
    const execution = open.get(executionId)
    if (!execution) {
      refuse(executionId, `${path}.execution_id`, notOpen)
      continue
    }
    const totals = addSamples(execution.totals, columns)
    if (totals.elapsedMs > resourceLimits.durationMs) {
      refuse(executionId, `${path}.elapsed_delta_ms`, `must add up to at most ${resourceLimits.durationMs}`)
      continue
    }
    open.set(executionId, { ...execution, totals, lastSeenUnixMs: nowUnixMs })
  }
  for (const { executionId, path, ...end } of batch.ends) {
    const execution = open.get(executionId)
    if (!execution) {
      refuse(executionId, `${path}.execution_id`, notOpen)
      continue
    }
    open.delete(executionId)
    if (before.open.has(executionId)) closed.push(execution.start)
    finished.push(recordOf(execution, end))
  }
  return {
    session: { ...before, sequence: batch.sequence, lastActiveUnixMs: nowUnixMs, open },
    started,
    opened,
    closed,
    finished,
    rejections,
  }
}

export const isOfOtherTask = (opened: OpenExecution | undefined, start: ExecutionStart): boolean =>
  opened !== undefined && taskId(opened.start.task) !== taskId(start.task)

export const otherTask = 'is not the one that the execution of this id was opened for'
const notOpen = 'is not open in this session: it never began, has ended, or was closed as lost'

/**
 * Closes as lost what was silent beyond its lease, at most so many.
 * @param aliveSinceUnixMs nobody could report before: silence counts from then on.
 */
export function closeSilent(
  before: Session,
  nowUnixMs: number,
  aliveSinceUnixMs: number,
  atMost: number,
): Applied {
  const open = new Map<string, OpenExecution>()
  const finished: ExecutionRecord[] = []
  for (const [executionId, execution] of before.open) {
    const isSince = execution.lastSeenUnixMs >= aliveSinceUnixMs
    const followed = isSince ? execution : { ...execution, lastSeenUnixMs: aliveSinceUnixMs }
    const isSilent = followed.lastSeenUnixMs + execution.leaseMs <= nowUnixMs
    if (!isSilent || finished.length >= atMost) open.set(executionId, followed)
    else finished.push(recordOf(execution, { outcome: 'lost', used: {}, source: 'unknown' }))
  }
  return { session: { ...before, open }, started: [], opened: [], closed: finished, finished, rejections: [] }
}

/** When somebody has to look at the session again: its first lease runs out, or, with none open, the session itself. */
export function dueOf(session: Session, idleSessionTtlMs: number): number {
  let due = Number.POSITIVE_INFINITY
  for (const { lastSeenUnixMs, leaseMs } of session.open.values())
    due = Math.min(due, lastSeenUnixMs + leaseMs)
  return due === Number.POSITIVE_INFINITY ? session.lastActiveUnixMs + idleSessionTtlMs : due
}

function recordOf(
  { start, totals }: OpenExecution,
  { outcome, used, source, measured }: Omit<EndEvent, 'executionId'>,
): ExecutionRecord {
  return {
    ...start,
    used: usageOf(totals, used),
    outcome,
    source: source === 'unknown' && totals.elapsedMs > 0 ? 'sampled' : source,
    measured,
    endedAtUnixMs: 0,
  }
}
