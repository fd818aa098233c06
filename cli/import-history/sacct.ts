import type { Outcome } from '../../shared/domain/execution.ts'
import { labelsOf } from './nextflow.ts'
import {
  HistoryError,
  type HistoryFormat,
  idOf,
  known,
  parseClock,
  parseTime,
  readColumns,
} from './past-execution.ts'

/**
 * `sacct --parsable2` of finished jobs. A job is one execution: its state is the job's, its peak the largest of its
 * steps, its task the job's name.
 * Source: sacct(1).
 */
export const sacct: HistoryFormat = {
  description:
    'sacct --parsable2 --format=JobID,JobName,State,ElapsedRaw,TotalCPU,MaxRSS,ReqMem,AllocCPUS,TimelimitRaw,End,…',
  matches: (beginning) => /^\uFEFF?(?:[^\n|]*\|)*jobid(?:raw)?\|/i.test(beginning),
  read(text, task) {
    const { rows, errors, has } = readColumns(text, '|')
    const idColumn = has('jobid') ? 'jobid' : 'jobidraw'
    for (const column of [idColumn, 'state', ...(task === undefined ? ['jobname'] : [])]) {
      if (!has(column)) throw new HistoryError(`sacct output needs the field ${column}`)
    }
    if (!has('maxrss'))
      throw new HistoryError('sacct output needs the field maxrss, and the steps: no --allocations')

    const peaks = new Map<string, number>()
    for (const { field } of rows) {
      const job = field(idColumn).split('.')[0] ?? ''
      const peak = parseMemory(field('maxrss')) ?? 0
      peaks.set(job, Math.max(peaks.get(job) ?? 0, peak))
    }
    const jobs = rows.filter(({ field }) => !field(idColumn).includes('.'))
    const executions = jobs.flatMap(({ line, field }) => {
      const outcome = outcomeOf(field('state'))
      if (outcome === undefined) return []
      const job = field(idColumn)
      const seconds = Number(field('elapsedraw')) || parseClock(field('elapsed')) || 0
      const cores = Number(field('alloccpus')) || Number(field('reqcpus')) || undefined
      const requested = known({
        memoryBytes: parseRequest(field('reqmem'), cores ?? 1, Number(field('nnodes')) || 1),
        cpuCores: cores,
        durationMs: (Number(field('timelimitraw')) * 60 || parseClock(field('timelimit')) || 0) * 1000,
      })
      const cpuSeconds = parseClock(field('totalcpu'))
      return {
        line,
        id: idOf('sacct', field('cluster'), job, field('submit') || field('start') || field('end')),
        task: task ?? field('jobname'),
        attempt: 1 + (Number(field('restarts')) || 0),
        features: {},
        labels: labelsOf({ queue: field('partition') }),
        requested,
        allocated: requested,
        used: known({
          memoryBytes: peaks.get(job),
          durationMs: seconds * 1000,
          cpuCores: cpuSeconds === undefined || seconds <= 0 ? undefined : cpuSeconds / seconds,
        }),
        outcome,
        endedAtUnixMs: parseTime(field('end')),
      }
    })
    return { executions, skipped: jobs.length - executions.length, errors }
  },
}

function outcomeOf(state: string): Outcome | undefined {
  switch (state.toUpperCase().split(/[ +]/)[0]) {
    case 'COMPLETED':
      return 'succeeded'
    case 'FAILED':
    case 'DEADLINE':
      return 'failed'
    case 'OUT_OF_MEMORY':
      return 'out-of-memory'
    case 'TIMEOUT':
      return 'timed-out'
    case 'CANCELLED':
      return 'cancelled'
    case 'PREEMPTED':
      return 'evicted'
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return 'lost'
    default:
      return undefined
  }
}

const factors: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** `1234K`, `1.5G`; a number alone is bytes. */
export function parseMemory(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)$/i.exec(text)
  return match === null ? undefined : Number(match[1]) * (factors[(match[2] ?? '').toUpperCase()] ?? 1)
}

/** `4G`, `4000Mn` a node, `2Gc` a core. Nothing asked, which Slurm writes as 0, is unknown. */
export function parseRequest(text: string, cores: number, nodes: number): number | undefined {
  const per = text.at(-1)?.toLowerCase()
  const isPer = per === 'c' || per === 'n'
  const bytes = parseMemory(isPer ? text.slice(0, -1) : text)
  if (bytes === undefined || bytes === 0) return undefined
  return per === 'c' ? bytes * cores : per === 'n' ? bytes * nodes : bytes
}
