import { deliver, type Entry, type HistoryFormat } from './history.ts'
import { jsonElements } from './json-elements.ts'
import { type SlurmJob, type SlurmStep, slurmJobs } from './slurm-job.ts'
import { unreadable } from './values.ts'

/**
 * `sacct --json`, of Slurm 21.08 to 25.05, whose forms differ in where a number stands and whether a state is a list.
 * Source: Slurm REST API, `dbv0.0.38` to `dbv0.0.43`.
 */
export const sacctJson: HistoryFormat = {
  description: 'sacct --json',
  matches: (beginning) => /^\uFEFF?\s*\{/.test(beginning) && /slurm|"jobs"\s*:\s*\[/i.test(beginning),
  read(sink) {
    const executionOf = slurmJobs()

    function entryOf(text: string, line: number): Entry {
      try {
        const found: unknown = JSON.parse(text)
        if (typeof found !== 'object' || found === null || Array.isArray(found))
          return 'is no object, as a job is'
        const job = jobOf(found, line)
        return typeof job === 'string' ? job : executionOf(job)
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    }

    return jsonElements(
      'jobs',
      (text, line) => deliver(sink, line, entryOf(text, line)),
      (isWhole, line) => {
        if (!isWhole) sink.fault(line, 'the file ends within an entry')
      },
    )
  },
}

/** What stands at a path of names; undefined where anything on the way is missing. */
function at(message: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
  }, message)
}

/** A number, or one in Slurm's wrapping of numbers that may be unset or infinite. */
function numberAt(message: unknown, ...path: readonly string[]): number | undefined {
  const value = at(message, ...path)
  if (typeof value === 'number') return value
  const isSet = at(value, 'set') === true && at(value, 'infinite') !== true
  const inner = at(value, 'number')
  return isSet && typeof inner === 'number' ? inner : undefined
}

function textAt(message: unknown, ...path: readonly string[]): string {
  const value = at(message, ...path)
  if (Array.isArray(value)) return String(value[0] ?? '')
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** Count of one resource in a list of them. */
function tresAt(message: unknown, type: string, ...path: readonly string[]): number | undefined {
  const list = at(message, ...path)
  if (!Array.isArray(list)) return undefined
  return numberAt(
    list.find((each) => at(each, 'type') === type),
    'count',
  )
}

function secondsAt(message: unknown): number | undefined {
  const seconds = numberAt(message, 'time', 'total', 'seconds')
  return seconds === undefined
    ? undefined
    : seconds + (numberAt(message, 'time', 'total', 'microseconds') ?? 0) / 1e6
}

const mebibyte = 2 ** 20
const inMs = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1000)
const positive = (value: number | undefined) => (value !== undefined && value > 0 ? value : undefined)

/** A job, or what is wrong with it. */
function jobOf(message: unknown, line: number): SlurmJob | string {
  const id = numberAt(message, 'job_id')
  const state = textAt(message, 'state', 'current')
  if (id === undefined) return 'has no job_id'
  if (state === '') return unreadable('state', JSON.stringify(at(message, 'state')) ?? '')
  const arrayId = positive(numberAt(message, 'array', 'job_id'))
  const taskId = numberAt(message, 'array', 'task_id')
  const steps = at(message, 'steps')
  const cores = positive(tresAt(message, 'cpu', 'tres', 'allocated')) ?? numberAt(message, 'required', 'CPUs')
  const perCore = numberAt(message, 'required', 'memory_per_cpu')
  const requestedMebibytes =
    positive(tresAt(message, 'mem', 'tres', 'requested')) ??
    positive(tresAt(message, 'mem', 'tres', 'allocated')) ??
    positive(perCore === undefined ? undefined : perCore * (cores ?? 1)) ??
    positive(numberAt(message, 'required', 'memory_per_node') ?? numberAt(message, 'required', 'memory'))
  const limitMinutes = positive(numberAt(message, 'time', 'limit'))
  const submitted = numberAt(message, 'time', 'submission')
  const cpuSeconds = secondsAt(message)
  return {
    line,
    id: arrayId === undefined || taskId === undefined ? String(id) : `${arrayId}_${taskId}`,
    cluster: textAt(message, 'cluster'),
    name: textAt(message, 'name'),
    comment: textAt(message, 'comment', 'job') || textAt(message, 'comment'),
    partition: textAt(message, 'partition'),
    state,
    exitCode: `${numberAt(message, 'exit_code', 'return_code') ?? 0}:${numberAt(message, 'exit_code', 'signal', 'id') ?? numberAt(message, 'exit_code', 'signal', 'signal_id') ?? 0}`,
    cores,
    requestedBytes: requestedMebibytes === undefined ? undefined : requestedMebibytes * mebibyte,
    limitMs: limitMinutes === undefined ? undefined : limitMinutes * 60_000,
    elapsedMs: inMs(numberAt(message, 'time', 'elapsed')),
    // Zero where it has not been summed up over the steps.
    cpuSeconds: positive(cpuSeconds),
    restarts: numberAt(message, 'restart_cnt'),
    when: String(submitted ?? numberAt(message, 'time', 'start') ?? ''),
    startedAtMs: inMs(positive(numberAt(message, 'time', 'start')) ?? submitted),
    endedAtUnixMs: inMs(positive(numberAt(message, 'time', 'end'))),
    steps: Array.isArray(steps) ? steps.map(stepOf) : [],
    field: (column) => textAt(message, ...column.split('.')),
  }
}

/** `tres.requested` is what sacct's table calls TRESUsageIn. */
function stepOf(message: unknown): SlurmStep {
  const most = tresAt(message, 'mem', 'tres', 'requested', 'max')
  const tasks = numberAt(message, 'tasks', 'count') ?? 1
  return {
    state: textAt(message, 'state'),
    peakBytes:
      positive(tresAt(message, 'mem', 'tres', 'requested', 'total')) ??
      positive(most === undefined ? undefined : most * tasks),
    cpuSeconds: secondsAt(message),
  }
}
