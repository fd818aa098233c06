import type { Resources } from './resources.ts'
import type { TaskKey } from './task.ts'

export const outcomes = [
  'succeeded',
  'failed',
  'out-of-memory',
  'timed-out',
  'evicted',
  'cancelled',
  'lost',
] as const

/**
 * How one attempt ended. `out-of-memory` and `timed-out` are censored observations: the true need is above the one
 * seen. `evicted`, `cancelled` and `lost` say nothing about success.
 */
export type Outcome = (typeof outcomes)[number]

export const measurementSources = ['unknown', 'cgroup', 'rusage', 'sampled', 'external'] as const

/** Who measured the usage. */
export type MeasurementSource = (typeof measurementSources)[number]

/** Numbers known before a run, for example `input_bytes`. */
export type Features = Readonly<Record<string, number>>

/** Words known before a run, for example `image`, `tool`, `queue`. */
export type Labels = Readonly<Record<string, string>>

/** What is known when an attempt starts. */
export interface ExecutionStart {
  /** Unique per attempt, made by the client: the idempotency key. */
  readonly executionId: string
  readonly task: TaskKey
  /** From 1. */
  readonly attempt: number
  readonly features: Features
  readonly labels: Labels
  /** What the user asked for. */
  readonly requested: Resources
  /** What the attempt was given. */
  readonly allocated: Resources
  /** Of the estimate that the allocation came from; empty where there was none. */
  readonly estimateToken: Uint8Array
  /** How many executions this one stands for, at least 1. */
  readonly weight: number
}

/** What was measured beside `used`, which was made from it. */
export interface Measured {
  /** Peak of the task's own process tree. */
  readonly treeMemoryBytes?: number | undefined
  /** Peak charged to the cgroup that the limit applies to, page cache included. */
  readonly chargedMemoryBytes?: number | undefined
  /** Time for which the CPU quota of that cgroup held it back. */
  readonly throttledMs?: number | undefined
  /** What wraps the task, left out of `used` and `allocated` and added to every answer. */
  readonly overheadMemoryBytes?: number | undefined
}

/** One finished attempt. */
export interface ExecutionRecord extends ExecutionStart {
  /** Peaks; the mean for `cpuCores`; the run time for `durationMs`. */
  readonly used: Resources
  readonly outcome: Outcome
  readonly source: MeasurementSource
  readonly measured?: Measured | undefined
  /** Unix milliseconds by the reporter's clock: orders an imported history. 0 is unknown, which the fold replaces by its own time. */
  readonly endedAtUnixMs: number
}

/** An execution under way: its peaks so far are lower bounds of its need; `peak.durationMs` is its age. */
export interface RunningExecution {
  readonly executionId: string
  readonly attempt: number
  readonly features: Features
  readonly labels: Labels
  readonly requested: Resources
  readonly allocated: Resources
  readonly peak: Resources
  /** Server time; unset where an older program showed it. */
  readonly startedAtUnixMs?: number | undefined
  readonly lastSeenUnixMs?: number | undefined
}
