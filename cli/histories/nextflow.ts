import type { Outcome } from '../../shared/domain/execution.ts'
import { deliver, type Entry, HistoryError, type HistoryFormat } from './history.ts'
import { lines } from './lines.ts'
import { amountsOf, idOf, known, labelsOf, parseAmount, parseTime, parseWhole } from './values.ts'

/**
 * A Nextflow trace file, with or without `trace.raw`, whatever `trace.sep`. The process is the task; `cached` and unfinished
 * rows are skipped. Exit 137 and 140 are what executors give a task killed for memory and for time.
 * Source: Nextflow documentation, "Trace file".
 */
export const nextflow: HistoryFormat = {
  description: 'trace file of Nextflow, whatever its separator',
  matches: (beginning) => {
    const { names } = headerOf(beginning.slice(0, Math.max(0, beginning.indexOf('\n'))))
    return names.includes('status') && ownNames.some((name) => names.includes(name))
  },
  read(sink) {
    let header: Header | undefined
    return lines(
      (text, line) => {
        if (header === undefined) header = checked(headerOf(text))
        else if (text.trim() !== '') deliver(sink, line, entryOf(header, text, line))
      },
      () => {
        if (header === undefined) throw new HistoryError('there is no header')
      },
    )
  },
}

/** Columns that nobody else's tables with a status have. */
const ownNames = ['task_id', 'native_id', 'realtime', 'peak_rss', '%cpu']

const blanks: ReadonlySet<string> = new Set(['-'])

interface Header {
  readonly separator: string
  readonly names: readonly string[]
  readonly places: ReadonlyMap<string, number>
}

/** The separator is what stands between the first two names. */
function headerOf(text: string): Header {
  const line = text.replace(/^\uFEFF/, '').trimEnd()
  const separator = /^[a-z_%]+([^a-z_%]+)/i.exec(line)?.[1] ?? '\t'
  const names = line.split(separator).map((name) => name.trim().toLowerCase())
  return { separator, names, places: new Map(names.map((name, index) => [name, index])) }
}

function checked(header: Header): Header {
  const has = (name: string) => header.places.has(name)
  if (!has('status') || !(has('process') || has('name'))) {
    throw new HistoryError('a Nextflow trace needs the fields status, and process or name')
  }
  return header
}

function entryOf({ separator, names, places }: Header, text: string, line: number): Entry {
  const fields = text.split(separator)
  if (fields.length !== names.length) {
    return `has ${fields.length} fields, the header has ${names.length}`
  }
  const field = (column: string) => fields[places.get(column) ?? -1]?.trim() ?? ''
  const outcome = outcomeOf(field('status'), field('exit'))
  if (outcome === undefined) return undefined
  const amounts = amountsOf(field, blanks)
  const requested = known({
    memoryBytes: amounts.of('memory', parseSize),
    cpuCores: amounts.of('cpus', parseAmount),
    durationMs: amounts.of('time', parseDuration),
    diskBytes: amounts.of('disk', parseSize),
  })
  const used = known({
    durationMs: amounts.of('realtime', parseDuration),
    memoryBytes: amounts.of('peak_rss', parseSize),
    cpuCores: amounts.of('%cpu', parsePercentage),
  })
  const attempt = amounts.of('attempt', parseWhole) || 1
  const problem = amounts.problem()
  if (problem !== undefined) return problem
  const name = field('process') || field('name').replace(/ \(.*\)$/, '')
  return {
    line,
    id: idOf('nextflow', ...['hash', 'native_id', 'task_id', 'name', 'submit'].map(field)),
    task: name,
    attempt,
    features: {},
    labels: labelsOf({
      workflow: name.includes(':') ? name.slice(0, name.indexOf(':')) : '',
      image: field('container'),
      queue: field('queue'),
    }),
    requested,
    allocated: requested,
    used,
    outcome,
    startedAtMs: parseTime(field('start')) ?? parseTime(field('submit')),
    endedAtUnixMs: parseTime(field('complete')) ?? parseTime(field('submit')),
    field: (column) => (places.has(column) ? field(column) : undefined),
  }
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
  if (!/^(?:\d+(?:\.\d+)?\s*(?:ms|[smhd])\s*)+$/.test(text)) return undefined
  const parts = text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[smhd])/g)
  return [...parts].reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? ''] ?? 0), 0)
}

/** `129.5%` of one core, the sign left out in raw traces. */
function parsePercentage(text: string): number | undefined {
  const percent = parseAmount(text.replace(/%$/, ''))
  return percent === undefined ? undefined : percent / 100
}
