import type { Outcome } from '../../shared/domain/execution.ts'
import { HistoryError, type HistoryFormat, idOf, known, parseTime, readColumns } from './past-execution.ts'

/**
 * A Nextflow trace file, with or without `trace.raw`. The process is the task; `cached` and unfinished rows are skipped.
 * Exit 137 and 140 are what executors give a task killed for memory and for time.
 * Source: Nextflow documentation, "Trace file".
 */
export const nextflow: HistoryFormat = {
  description: 'trace file of Nextflow',
  matches: (beginning) => /^\uFEFF?task_id[\t,]|^[^\n]*\bnative_id[\t,][^\n]*\bstatus\b/.test(beginning),
  read(text, task) {
    const separator = text.slice(0, text.indexOf('\n')).includes('\t') ? '\t' : ','
    const { rows, errors, has } = readColumns(text, separator)
    if (!has('status') || !(has('process') || has('name'))) {
      throw new HistoryError('a Nextflow trace needs the fields status, and process or name')
    }
    const executions = rows.flatMap(({ line, field }) => {
      const outcome = outcomeOf(field('status'), field('exit'))
      if (outcome === undefined) return []
      const requested = known({
        memoryBytes: parseSize(field('memory')),
        cpuCores: Number(field('cpus')),
        durationMs: parseDuration(field('time')),
        diskBytes: parseSize(field('disk')),
      })
      const name = field('process') || field('name').replace(/ \(.*\)$/, '')
      return {
        line,
        id: idOf(
          'nextflow',
          field('hash'),
          field('native_id'),
          field('task_id'),
          field('name'),
          field('submit'),
        ),
        task: task ?? name,
        attempt: Number(field('attempt')) || 1,
        features: {},
        labels: labelsOf({
          workflow: name.includes(':') ? name.slice(0, name.indexOf(':')) : '',
          image: field('container'),
          queue: field('queue'),
        }),
        requested,
        allocated: requested,
        used: known({
          durationMs: parseDuration(field('realtime')),
          memoryBytes: parseSize(field('peak_rss')),
          cpuCores: Number(field('%cpu').replace('%', '')) / 100,
        }),
        outcome,
        endedAtUnixMs: parseTime(field('complete')) || parseTime(field('submit')),
      }
    })
    return { executions, skipped: rows.length - executions.length, errors }
  },
}

function outcomeOf(status: string, exit: string): Outcome | undefined {
  switch (status.toUpperCase()) {
    case 'COMPLETED':
      return exit === '' || exit === '-' || exit === '0' ? 'succeeded' : 'failed'
    case 'FAILED':
      return exit === '137' ? 'out-of-memory' : exit === '140' ? 'timed-out' : 'failed'
    case 'ABORTED':
      return 'cancelled'
    default:
      return undefined
  }
}

const sizes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
  PB: 2 ** 50,
}

/** `1.2 GB`, of which Nextflow means 2³⁰, or bytes as they are. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGTP]?B)?$/i.exec(text)
  const unit = sizes[match?.[2]?.toUpperCase() ?? 'B']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `1h 2m 3s`, `850ms`, or milliseconds as they are. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[smhd])(?![a-z])/g)]
  if (parts.length === 0) return undefined
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0)
}

/** Those that are set and that the contract takes. */
export function labelsOf(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).filter(
      ([, value]) => value !== '' && value !== '-' && Buffer.byteLength(value) <= 256,
    ),
  )
}
