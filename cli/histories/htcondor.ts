import type { Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { HistoryFormat } from './history.ts'
import { lines } from './lines.ts'
import { idOf, known, parseTime } from './values.ts'

/**
 * The event log of HTCondor (`log =` of a submit file, also DAGMan's). A run from "executing" to its end is one execution.
 * The log does not name the work: the task is the DAG's node where there is one, else the file's name.
 * Source: HTCondor manual, "Job Event Log Codes".
 */
export const htcondor: HistoryFormat = {
  description: 'event log of HTCondor',
  matches: (beginning) =>
    eventLine.test(
      beginning
        .replace(/^\uFEFF/, '')
        .split('\n')[0]
        ?.trimEnd() ?? '',
    ),
  read(sink) {
    const jobs = recentlyUsed<Job>(maxJobs, (_, job) => sink.skipped(job.line))
    let event: JobEvent | undefined

    function finish(): void {
      if (event === undefined) return
      const ended = event
      event = undefined
      const job = jobs.get(ended.job) ?? newJob(ended.line)
      // Other events may be of a whole cluster, or of a job whose beginning another log has.
      if (ended.code === submitted || ended.code === executing) jobs.set(ended.job, job)
      const outcome = apply(job, ended)
      if (outcome === 'gone') jobs.delete(ended.job)
      if (outcome === undefined || outcome === 'gone') return
      if (ended.code === terminated || ended.code === aborted) jobs.delete(ended.job)
      const { startedAtMs } = job
      const table = resourcesIn(ended.body)
      const requested = known(table.requested)
      sink.execution({
        line: ended.line,
        id: idOf('htcondor', ended.job, ended.stamp, String(job.attempt)),
        task: job.node,
        attempt: job.attempt,
        features: {},
        labels: {},
        requested,
        allocated: known(table.allocated),
        used: usedBy(job, ended, table.usage),
        outcome,
        startedAtMs: isDated(ended.stamp) ? startedAtMs : undefined,
        endedAtUnixMs: isDated(ended.stamp) ? ended.atMs : undefined,
        field: (column) => ({ job: ended.job, node: job.node })[column],
      })
      job.startedAtMs = undefined
      job.peakBytes = 0
    }

    return lines(
      (text, line) => {
        const match = eventLine.exec(text)
        if (match !== null) {
          finish()
          const [, code = '', job = '', stamp = ''] = match
          event = { line, code: Number(code), job, stamp, atMs: clockOf(stamp), body: text }
        } else if (text.startsWith('...')) finish()
        else if (event !== undefined && event.body.length < maxBodyLength) event.body += `\n${text}`
        else if (text.trim() !== '') sink.fault(line, 'belongs to no event')
      },
      () => {
        finish()
        for (const [, { line }] of jobs.entries()) sink.skipped(line)
      },
    )
  },
}

const eventLine = /^(\d{3}) \((\d+\.-?\d+\.-?\d+)\) (\d{4}-\d\d-\d\d[ T][\d:.]+|\d\d\/\d\d [\d:]+)Z? /

/** Jobs that are followed at once. Of more, the one heard of longest ago is not told. */
const maxJobs = 200_000
const maxBodyLength = 100_000

interface Job {
  readonly line: number
  node: string | undefined
  attempt: number
  startedAtMs: number | undefined
  peakBytes: number
}

interface JobEvent {
  readonly line: number
  readonly code: number
  readonly job: string
  readonly stamp: string
  readonly atMs: number
  body: string
}

const newJob = (line: number): Job => ({
  line,
  node: undefined,
  attempt: 0,
  startedAtMs: undefined,
  peakBytes: 0,
})

/** Older logs leave the year out: their times tell durations, not dates. */
const isDated = (stamp: string) => /^\d{4}-/.test(stamp)

function clockOf(stamp: string): number {
  const dated = isDated(stamp) ? stamp : `2000-${stamp.replace('/', '-')}`
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
function apply(job: Job, { code, atMs, body }: JobEvent): Outcome | 'gone' | undefined {
  switch (code) {
    case submitted:
      job.node = /^[ \t]+DAG Node: (.+)$/m.exec(body)?.[1]?.trim()
      return undefined
    case executing:
      job.attempt++
      job.startedAtMs = atMs
      return undefined
    case imageSize:
      job.peakBytes = Math.max(job.peakBytes, residentBytesIn(body))
      return undefined
    case terminated:
      job.attempt ||= 1
      return /\(1\) Normal termination \(return value 0\)/.test(body) ? 'succeeded' : 'failed'
    case aborted:
      return job.startedAtMs === undefined ? 'gone' : 'cancelled'
    default:
      return job.startedAtMs === undefined ? undefined : interruption(code, body)
  }
}

function interruption(code: number, body: string): Outcome | undefined {
  if (code === evicted) return 'evicted'
  if (code === shadowException || code === reconnectFailed) return 'lost'
  if (code !== held) return undefined
  const reason = Number(/^[ \t]+Code (\d+) Subcode/m.exec(body)?.[1])
  if (reason === heldForMemory) return 'out-of-memory'
  return heldForTime.includes(reason) ? 'timed-out' : 'failed'
}

const kibibyte = 2 ** 10
const mebibyte = 2 ** 20

/** The resident set is to the KiB; MemoryUsage, from which it is rounded up to MiB, where there is none. */
function residentBytesIn(body: string): number {
  const resident = /^[ \t]*(\d+)[ \t]+-[ \t]+ResidentSetSize of job \(KB\)/m.exec(body)?.[1]
  const usage = /^[ \t]*(\d+)[ \t]+-[ \t]+MemoryUsage of job \(MB\)/m.exec(body)?.[1]
  return resident === undefined ? Number(usage ?? 0) * mebibyte : Number(resident) * kibibyte
}

/** CPU of the run by its rusage, else as the table has it. The table's peak counts where no update told of one so high. */
function usedBy(job: Job, { atMs, body }: JobEvent, usage: Resources): Resources {
  const durationMs = job.startedAtMs === undefined ? undefined : atMs - job.startedAtMs
  const cpuSeconds = cpuSecondsIn(body)
  const isRounded = Math.ceil(job.peakBytes / mebibyte) * mebibyte >= (usage.memoryBytes ?? 0)
  return known({
    memoryBytes: isRounded ? job.peakBytes : usage.memoryBytes,
    durationMs,
    cpuCores: cpuSeconds && durationMs ? (cpuSeconds * 1000) / durationMs : usage.cpuCores,
    diskBytes: usage.diskBytes,
  })
}

/** `Usr 0 00:00:40, Sys 0 00:00:02  -  Run Remote Usage`, days first. */
function cpuSecondsIn(body: string): number | undefined {
  const match = /Usr (\d+) (\d+):(\d+):(\d+), Sys (\d+) (\d+):(\d+):(\d+)\s+-\s+Run Remote Usage/.exec(body)
  if (match === null) return undefined
  const [ud = 0, uh = 0, um = 0, us = 0, sd = 0, sh = 0, sm = 0, ss = 0] = match.slice(1).map(Number)
  return ((ud + sd) * 24 + uh + sh) * 3600 + (um + sm) * 60 + us + ss
}

const rows = [
  ['cpuCores', /^[ \t]+Cpus[ \t]*:(.*)$/m, 1],
  ['memoryBytes', /^[ \t]+Memory \(MB\)[ \t]*:(.*)$/m, mebibyte],
  ['diskBytes', /^[ \t]+Disk \(KB\)[ \t]*:(.*)$/m, kibibyte],
] as const

/** The table of partitionable resources. Its first column is blank where nothing was measured. */
function resourcesIn(body: string) {
  const usage: Record<string, number> = {}
  const requested: Record<string, number> = {}
  const allocated: Record<string, number> = {}
  for (const [dimension, form, unit] of rows) {
    const numbers = (form.exec(body)?.[1] ?? '')
      .trim()
      .split(/\s+/)
      .filter((text) => /^\d/.test(text))
      .map(Number)
    if (numbers.length < 2) continue
    const [used, asked, given] = numbers.length === 2 ? [undefined, ...numbers] : numbers
    if (used !== undefined) usage[dimension] = used * unit
    if (asked !== undefined) requested[dimension] = asked * unit
    if (given !== undefined) allocated[dimension] = given * unit
  }
  return { usage, requested, allocated } satisfies Record<string, Resources>
}
