import type { HeldAmount, ProfileSummary } from '../contract/gen/foresize/v1/profile_pb.js'
import { Dimension } from '../contract/gen/foresize/v1/resources_pb.js'
import { isKilled } from './outcomes.ts'

/** One task in the table of tasks. Memory, as bytes; what is wasted, as bytes times milliseconds for each day. */
export interface TaskRow {
  readonly namespace: string
  readonly task: string
  readonly executions: number
  /** Medians. */
  readonly requestedBytes: number | undefined
  readonly givenBytes: number | undefined
  readonly usedBytes: number | undefined
  readonly wastePerDay: number | undefined
  /** What the requests would have wasted. */
  readonly requestedWastePerDay: number | undefined
  readonly killed: number
  /** Mean probability given that an answer suffices, and the share that did. */
  readonly confidence: number | undefined
  readonly coverage: number | undefined
  readonly running: number
  readonly lastSeenMs: number
}

const dayMs = 86_400_000

export function taskRow(summary: ProfileSummary): TaskRow {
  const { key, outcomes, firstSeenUnixMs, lastSeenUnixMs } = summary
  const executions = outcomes.reduce((total, { count }) => total + count, 0)
  // A task of a minute's history has not wasted for a day yet.
  const perDay = executions / Math.max(1, (lastSeenUnixMs - firstSeenUnixMs) / dayMs)
  const waste = (held: HeldAmount | undefined) =>
    held === undefined || held.executions === 0 ? undefined : (held.wasted / held.executions) * perDay
  const memory = summary.use.find(({ dimension }) => dimension === Dimension.MEMORY_BYTES)
  return {
    namespace: key?.namespace ?? '',
    task: key?.task ?? '',
    executions,
    requestedBytes: summary.requestedMedian?.memoryBytes,
    givenBytes: summary.allocatedMedian?.memoryBytes,
    usedBytes: summary.median?.memoryBytes,
    wastePerDay: waste(memory?.allocated),
    requestedWastePerDay: waste(memory?.requested),
    killed: outcomes.reduce((total, { outcome, count }) => total + (isKilled(outcome) ? count : 0), 0),
    confidence: summary.confidence,
    coverage: summary.coverage,
    running: summary.running,
    lastSeenMs: lastSeenUnixMs,
  }
}
