import { wastePerDay } from '../../shared/domain/waste-per-day.ts'
import type { ProfileSummary } from '../contract/gen/foresize/v1/profile_pb.js'
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

export function taskRow(summary: ProfileSummary): TaskRow {
  const { key, outcomes, firstSeenUnixMs, lastSeenUnixMs } = summary
  const executions = outcomes.reduce((total, { count }) => total + count, 0)
  const history = { executions, firstSeenUnixMs, lastSeenUnixMs }
  const memory = summary.use.find(({ dimension }) => dimension === Dimension.MEMORY_BYTES)
  return {
    namespace: key?.namespace ?? '',
    task: key?.task ?? '',
    executions,
    requestedBytes: summary.requestedMedian?.memoryBytes,
    givenBytes: summary.allocatedMedian?.memoryBytes,
    usedBytes: summary.median?.memoryBytes,
    wastePerDay: wastePerDay(history, memory?.allocated),
    requestedWastePerDay: wastePerDay(history, memory?.requested),
    killed: outcomes.reduce((total, { outcome, count }) => total + (isKilled(outcome) ? count : 0), 0),
    confidence: summary.confidence,
    coverage: summary.coverage,
    running: summary.running,
    lastSeenMs: lastSeenUnixMs,
  }
}
