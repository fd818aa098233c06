import { type ExecutionRecord, Outcome } from '../contract/gen/foresize/v1/execution_pb.js'
import type { Profile } from '../contract/gen/foresize/v1/profile_pb.js'
import { Dimension } from '../contract/gen/foresize/v1/resources_pb.js'
import { median } from './median.ts'
import { isKilled } from './outcomes.ts'

/** One task in the table of tasks. Memory, as bytes; what is wasted, as bytes times milliseconds for each day. */
export interface TaskRow {
  readonly namespace: string
  readonly task: string
  readonly executions: number
  /** Medians over the executions that the profile retains. */
  readonly requestedBytes: number | undefined
  readonly givenBytes: number | undefined
  readonly usedBytes: number | undefined
  readonly wastePerDay: number | undefined
  /** What the requests would have wasted. */
  readonly requestedWastePerDay: number | undefined
  /** Of those executions. */
  readonly killed: number
  /** Mean probability given that an answer suffices, and the share that did. */
  readonly confidence: number | undefined
  readonly coverage: number | undefined
  readonly running: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
}

const dayMs = 86_400_000

export function taskRow(profile: Profile): TaskRow {
  const { key, executions, firstSeenUnixMs, lastSeenUnixMs, running } = profile
  const count = profile.outcomes.reduce((total, outcome) => total + outcome.count, 0)
  const killed = profile.outcomes.reduce(
    (total, { outcome, count }) => total + (isKilled(outcome) ? count : 0),
    0,
  )
  // A task of a minute's history has not wasted for a day yet.
  const days = Math.max(1, (lastSeenUnixMs - firstSeenUnixMs) / dayMs)
  const perDay = (of: (execution: ExecutionRecord) => number | undefined) => {
    const wastes = executions.map(of).filter((waste) => waste !== undefined)
    const total = wastes.reduce((sum, waste) => sum + waste, 0)
    return wastes.length === 0 ? undefined : ((total / wastes.length) * count) / days
  }
  const known = (read: (execution: ExecutionRecord) => number | undefined) =>
    median(executions.map(read).filter((value) => value !== undefined))
  const score = profile.accuracy.find(
    ({ strategy, dimension }) => strategy === 'foresize' && dimension === Dimension.MEMORY_BYTES,
  )
  return {
    namespace: key?.namespace ?? '',
    task: key?.task ?? '',
    executions: count,
    requestedBytes: known(({ requested }) => requested?.memoryBytes),
    givenBytes: known(({ allocated }) => allocated?.memoryBytes),
    usedBytes: known(({ used }) => used?.memoryBytes),
    wastePerDay: perDay((execution) => wasted(execution, execution.allocated?.memoryBytes)),
    requestedWastePerDay: perDay((execution) => wasted(execution, execution.requested?.memoryBytes)),
    killed,
    confidence: score?.meanConfidence,
    coverage: score?.coverage,
    running: running.length,
    firstSeenMs: firstSeenUnixMs,
    lastSeenMs: lastSeenUnixMs,
  }
}

/** What was given and not used, times the run time; of an attempt that was killed for memory, all of it. */
function wasted({ used, outcome }: ExecutionRecord, given: number | undefined): number | undefined {
  if (given === undefined || used?.memoryBytes === undefined || used.durationMs === undefined)
    return undefined
  const unused = outcome === Outcome.OUT_OF_MEMORY ? given : Math.max(0, given - used.memoryBytes)
  return unused * used.durationMs
}
