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

/** A session of numbered batches. */
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

/** What became of an execution; undefined before it was open, and once it no longer is. */
export interface Change {
  readonly before: OpenExecution | undefined
  readonly after: OpenExecution | undefined
}

/** By execution id: those that are not as they were. */
export type Changes = ReadonlyMap<string, Change>

/** What something has made of a session. */
export interface Applied {
  readonly sequence: number
  readonly lastActiveUnixMs: number
  readonly changes: Changes
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
 * Law: the session given is not changed; it takes as long as what the batch speaks of, however many are open.
 */
export function applyBatch(before: Session, batch: Batch, nowUnixMs: number, limits: SessionLimits): Applied {
  const changes = new Map<string, Change>()
  const started: ExecutionStart[] = []
  const opened: ExecutionStart[] = []
  const closed: ExecutionStart[] = []
  const finished: ExecutionRecord[] = []
  const rejections: Rejection[] = []
  const refuse = (executionId: string, field: string, description: string) =>
    rejections.push({ executionId, violations: [{ field, description }] })

  const openNow = (executionId: string): OpenExecution | undefined => {
    const change = changes.get(executionId)
    return change ? change.after : before.open.get(executionId)
  }
  const change = (executionId: string, after: OpenExecution | undefined) =>
    changes.set(executionId, { before: before.open.get(executionId), after })

  // One that ends in the batch it begins in is not kept open: the limits of what is open are not for it.
  const brief = new Set(batch.ends.map(({ executionId }) => executionId))
  let kept = before.open.size
  const refuseOpen = (start: ExecutionStart) =>
    kept >= limits.maxOpenExecutionsPerSession
      ? `the session has ${kept} executions open, as many as it may`
      : limits.refuseOpen(start)
  for (const { start, leaseMs, path } of batch.starts) {
    const { executionId } = start
    const known = openNow(executionId)
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
    const opening = { start, leaseMs, startedUnixMs: nowUnixMs, lastSeenUnixMs: nowUnixMs, totals: noUsage }
    change(executionId, opening)
  }
  for (const { executionId, columns, path } of batch.samples) {
    const execution = openNow(executionId)
    if (!execution) {
      refuse(executionId, `${path}.execution_id`, notOpen)
      continue
    }
    const totals = addSamples(execution.totals, columns)
    if (totals.elapsedMs > resourceLimits.durationMs) {
      refuse(executionId, `${path}.elapsed_delta_ms`, `must add up to at most ${resourceLimits.durationMs}`)
      continue
    }
    change(executionId, { ...execution, totals, lastSeenUnixMs: nowUnixMs })
  }
  for (const end of batch.ends) {
    const { executionId, path } = end
    const execution = openNow(executionId)
    if (!execution) {
      refuse(executionId, `${path}.execution_id`, notOpen)
      continue
    }
    if (before.open.has(executionId)) {
      change(executionId, undefined)
      closed.push(execution.start)
    } else changes.delete(executionId)
    finished.push(recordOf(execution, end))
  }
  const { sequence } = batch
  return {
    ...{ sequence, lastActiveUnixMs: nowUnixMs, changes },
    ...{ started, opened, closed, finished, rejections },
  }
}

/** Nothing has happened to the session. */
export const unchanged = ({ sequence, lastActiveUnixMs }: Session): Applied => ({
  ...{ sequence, lastActiveUnixMs, changes: new Map() },
  ...{ started: [], opened: [], closed: [], finished: [], rejections: [] },
})

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
  const changes = new Map<string, Change>()
  const finished: ExecutionRecord[] = []
  for (const [executionId, execution] of before.open) {
    const isSince = execution.lastSeenUnixMs >= aliveSinceUnixMs
    const followed = isSince ? execution : { ...execution, lastSeenUnixMs: aliveSinceUnixMs }
    const isSilent = followed.lastSeenUnixMs + execution.leaseMs <= nowUnixMs
    if (isSilent && finished.length < atMost) {
      changes.set(executionId, { before: execution, after: undefined })
      finished.push(recordOf(execution, { outcome: 'lost', used: {}, source: 'unknown' }))
    } else if (!isSince) changes.set(executionId, { before: execution, after: followed })
  }
  return { ...unchanged(before), changes, closed: finished, finished }
}

function recordOf(
  { start, totals }: OpenExecution,
  { outcome, used, source, measured }: Omit<EndEvent, 'executionId'>,
): ExecutionRecord {
  // Name by name: a spread puts what it adds into a second object, and the record is kept for as long as its profile has it.
  const { executionId, task, attempt, features, labels, requested, allocated, estimateToken, weight } = start
  return {
    executionId,
    task,
    attempt,
    features,
    labels,
    requested,
    allocated,
    estimateToken,
    weight,
    used: usageOf(totals, used),
    outcome,
    source: source === 'unknown' && totals.elapsedMs > 0 ? 'sampled' : source,
    measured,
    endedAtUnixMs: 0,
  }
}
