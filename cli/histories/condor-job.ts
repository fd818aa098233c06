import type { Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { HistorySink } from './history.ts'
import { idOf, known, parseTime } from './values.ts'

/** An event of a job's log, however it is written. Its getters read what only some events have. */
export interface CondorEvent {
  readonly line: number
  readonly code: number
  /** `cluster.proc.subproc` */
  readonly job: string
  readonly stamp: string
  /** Of the DAG that submitted it. */
  node(): string | undefined
  /** The resident set is to the KiB; MemoryUsage, from which it is rounded up to MiB, where there is none. */
  residentBytes(): number
  hasSucceeded(): boolean
  /** The code of the reason for a hold. */
  holdCode(): number | undefined
  /** User and system time of the run. */
  cpuSeconds(): number | undefined
  /** The table of resources at the end. */
  resources(): CondorResources
}

export interface CondorResources {
  readonly usage: Resources
  readonly requested: Resources
  readonly allocated: Resources
}

export interface CondorJobs {
  take(event: CondorEvent): void
  /** What is under way then is skipped. */
  end(): void
}

/**
 * Follows the jobs of a log. A run from "executing" to its end is one execution. The log does not name the work: the task is the
 * DAG's node where there is one, else the file's name.
 * Source: HTCondor manual, "Job Event Log Codes".
 */
export function condorJobs(sink: HistorySink): CondorJobs {
  const jobs = recentlyUsed<Job>(maxJobs, (_, job) => sink.skipped(job.line))

  return {
    take(event) {
      const job = jobs.get(event.job) ?? newJob(event.line)
      // Other events may be of a whole cluster, or of a job whose beginning another log has.
      if (event.code === submitted || event.code === executing) jobs.set(event.job, job)
      const outcome = apply(job, event)
      if (outcome === 'gone') jobs.delete(event.job)
      if (outcome === undefined || outcome === 'gone') return
      if (event.code === terminated || event.code === aborted) jobs.delete(event.job)
      const { node, attempt, startedAtMs } = job
      const { usage, requested, allocated } = event.resources()
      const isDated = isDatedStamp(event.stamp)
      sink.execution({
        line: event.line,
        id: idOf('htcondor', event.job, event.stamp, String(attempt)),
        task: node,
        attempt,
        features: {},
        labels: {},
        requested: known(requested),
        allocated: known(allocated),
        used: usedBy(job, event, usage),
        outcome,
        startedAtMs: isDated ? startedAtMs : undefined,
        endedAtUnixMs: isDated ? clockOf(event) : undefined,
        field: (column) => ({ job: event.job, node })[column],
      })
      job.startedAtMs = undefined
      job.peakBytes = 0
    },
    end() {
      for (const [, { line }] of jobs.entries()) sink.skipped(line)
    },
  }
}

/** Jobs that are followed at once. Of more, the one heard of longest ago is not told. */
const maxJobs = 200_000

interface Job {
  readonly line: number
  node: string | undefined
  attempt: number
  startedAtMs: number | undefined
  peakBytes: number
}

const newJob = (line: number): Job => ({
  line,
  node: undefined,
  attempt: 0,
  startedAtMs: undefined,
  peakBytes: 0,
})

/** Older logs leave the year out: their times tell durations, not dates. */
const isDatedStamp = (stamp: string) => /^\d{4}-/.test(stamp)

function clockOf({ stamp }: CondorEvent): number {
  const dated = isDatedStamp(stamp) ? stamp : `2000-${stamp.replace('/', '-')}`
  return parseTime(dated) ?? 0
}

const submitted = 0
const executing = 1
const evicted = 4
const terminated = 5
const imageSize = 6
const shadowException = 7
const aborted = 9
const held = 12
const reconnectFailed = 24

/** Codes of the reason for a hold: over the memory limit, and over the two allowed durations. */
const heldForMemory = 34
const heldForTime: readonly number[] = [46, 47]

/** What the event means to the job: the end of a run, `gone` where nothing more comes of it, undefined where it goes on. */
function apply(job: Job, event: CondorEvent): Outcome | 'gone' | undefined {
  switch (event.code) {
    case submitted:
      job.node = event.node()
      return undefined
    case executing:
      job.attempt++
      job.startedAtMs = clockOf(event)
      return undefined
    case imageSize:
      job.peakBytes = Math.max(job.peakBytes, event.residentBytes())
      return undefined
    case terminated:
      job.attempt ||= 1
      return event.hasSucceeded() ? 'succeeded' : 'failed'
    case aborted:
      return job.startedAtMs === undefined ? 'gone' : 'cancelled'
    default:
      return job.startedAtMs === undefined ? undefined : interruption(event)
  }
}

function interruption(event: CondorEvent): Outcome | undefined {
  if (event.code === evicted) return 'evicted'
  if (event.code === shadowException || event.code === reconnectFailed) return 'lost'
  if (event.code !== held) return undefined
  const reason = event.holdCode()
  if (reason === heldForMemory) return 'out-of-memory'
  return reason !== undefined && heldForTime.includes(reason) ? 'timed-out' : 'failed'
}

export const kibibyte = 2 ** 10
export const mebibyte = 2 ** 20

/** CPU of the run by its rusage, else as the table has it. The table's peak counts where no update told of one so high. */
function usedBy(job: Job, event: CondorEvent, usage: Resources): Resources {
  const durationMs = job.startedAtMs === undefined ? undefined : clockOf(event) - job.startedAtMs
  const cpuSeconds = event.cpuSeconds()
  const isRounded = Math.ceil(job.peakBytes / mebibyte) * mebibyte >= (usage.memoryBytes ?? 0)
  return known({
    memoryBytes: isRounded ? job.peakBytes : usage.memoryBytes,
    durationMs,
    cpuCores: cpuSeconds && durationMs ? (cpuSeconds * 1000) / durationMs : usage.cpuCores,
    diskBytes: usage.diskBytes,
  })
}

/** `Usr 0 00:00:40, Sys 0 00:00:02`, days first. */
export function parseRusage(text: string): number | undefined {
  const match = /Usr (\d+) (\d+):(\d+):(\d+), Sys (\d+) (\d+):(\d+):(\d+)/.exec(text)
  if (match === null) return undefined
  const [ud = 0, uh = 0, um = 0, us = 0, sd = 0, sh = 0, sm = 0, ss = 0] = match.slice(1).map(Number)
  return ((ud + sd) * 24 + uh + sh) * 3600 + (um + sm) * 60 + us + ss
}
