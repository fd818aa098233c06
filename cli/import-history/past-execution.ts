import { createHash } from 'node:crypto'
import type { Features, Labels, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/** One execution of the past, as a log tells it. */
export interface PastExecution {
  /** The same for the same line of the same log: a second import of it counts nothing twice. */
  readonly id: string
  /** Where it stands in its log, from 1. */
  readonly line: number
  readonly task: string
  /** From 1. */
  readonly attempt: number
  readonly features: Features
  readonly labels: Labels
  readonly requested: Resources
  readonly allocated: Resources
  readonly used: Resources
  readonly outcome: Outcome
  /** Unix milliseconds, 0 where the log does not say. */
  readonly endedAtUnixMs: number
}

export interface History {
  readonly executions: readonly PastExecution[]
  /** Entries that say nothing of use: still running, taken from a cache, without a measurement. */
  readonly skipped: number
  /** Lines that cannot be read; the others are. */
  readonly errors: readonly LineError[]
}

export interface LineError {
  readonly line: number
  readonly message: string
}

/** A log that cannot be read. Its message is for the person who named it. */
export class HistoryError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}

export interface HistoryFormat {
  readonly description: string
  /** Whether a text looks like it, from its beginning. */
  matches(beginning: string): boolean
  /** Throws: HistoryError. `task` names what the log does not. */
  read(text: string, task: string | undefined): History
}

export function idOf(format: string, ...parts: readonly string[]): string {
  return `${format}:${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40)}`
}

/** Only what is known and more than nothing: a zero in a log is a measurement that failed. */
export function known(resources: Resources): Resources {
  return Object.fromEntries(
    Object.entries(resources).filter(
      ([, value]) => value !== undefined && value > 0 && value < Number.POSITIVE_INFINITY,
    ),
  )
}

export interface Row {
  readonly line: number
  /** Empty where the table has no such column. */
  field(column: string): string
}

export interface Columns {
  readonly rows: readonly Row[]
  /** Lines that have not as many fields as the header. */
  readonly errors: readonly LineError[]
  has(column: string): boolean
}

/** A table whose fields hold no separator: a header line, then a line each. */
export function readColumns(text: string, separator: string): Columns {
  const [header = '', ...lines] = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const names = header.split(separator)
  const places = new Map(names.map((name, index) => [name.trim().toLowerCase(), index]))
  const rows: Row[] = []
  const errors: LineError[] = []
  for (const [index, text] of lines.entries()) {
    if (text.trim() === '') continue
    const line = index + 2
    const fields = text.split(separator)
    if (fields.length === names.length) {
      rows.push({ line, field: (column) => fields[places.get(column) ?? -1]?.trim() ?? '' })
    } else errors.push({ line, message: `has ${fields.length} fields, the header has ${names.length}` })
  }
  return { rows, errors, has: (column) => places.has(column) }
}

/** `[[days-]hours:]minutes:seconds[.fraction]` as seconds; undefined for anything else. */
export function parseClock(text: string): number | undefined {
  const match = /^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(text)
  if (match === null) return undefined
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0))
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)
}

/** A time without a zone is read as UTC: it orders the history, nothing more. 0 for what is none. */
export function parseTime(text: string): number {
  if (/^\d{12,}$/.test(text)) return Number(text)
  const parsed = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)
    ? Date.parse(`${text.replace(' ', 'T')}Z`)
    : Number.NaN
  return Number.isFinite(parsed) && parsed > 0 ? parsed : 0
}
