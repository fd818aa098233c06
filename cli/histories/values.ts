import { hash } from 'node:crypto'
import { type Dimension, dimensions, type Resources } from '../../shared/domain/resources.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { limits } from '../../shared/wire/limits.ts'

export function idOf(format: string, ...parts: readonly string[]): string {
  return `${format}:${hash('sha256', JSON.stringify(parts), 'hex').slice(0, 40)}`
}

/** Entries that are told apart from their like: of more, one that comes again is taken for the first. */
const maxOccurrences = 100_000

/** How often the same content came before. */
export function occurrences(): (content: string) => number {
  const seen = recentlyUsed<number>(maxOccurrences)
  return (content) => {
    const key = content.length < 64 ? content : hash('sha256', content, 'base64')
    const before = seen.get(key) ?? 0
    seen.set(key, before + 1)
    return before
  }
}

/** Only what is known and more than nothing: a zero in a log is a measurement that failed. */
export function known(resources: Resources): Resources {
  const all: { [D in Dimension]?: number } = {}
  for (const dimension of dimensions) {
    const value = resources[dimension]
    if (value !== undefined && value > 0 && value < Number.POSITIVE_INFINITY) all[dimension] = value
  }
  return all
}

/** As every reader of the wire gives them: in order of key, and no more than it takes. */
export function inOrder<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const entries = Object.entries(record)
  if (entries.length < 2) return record
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limits.entries))
}

/** Those that are set and that the contract takes. */
export function labelsOf(labels: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).filter((label): label is [string, string] => {
      const [, value] = label
      return value !== undefined && value !== '' && value !== '-' && Buffer.byteLength(value) <= 256
    }),
  )
}

/** Amounts of one entry. */
export interface Amounts {
  /** Undefined where the column is blank, or there is none. */
  of(column: string, parse: (text: string) => number | undefined): number | undefined
  /** The first that cannot be read. */
  problem(): string | undefined
}

export function amountsOf(field: (column: string) => string, blanks: ReadonlySet<string>): Amounts {
  let problem: string | undefined
  return {
    of(column, parse) {
      const text = field(column)
      if (text === '' || blanks.has(text)) return undefined
      const value = parse(text)
      if (value === undefined) problem ??= unreadable(column, text)
      return value
    },
    problem: () => problem,
  }
}

/** A decimal comma stays unread: `1,234` is a number to one country and another number to the next. */
export function unreadable(what: string, text: string): string {
  const why = /\d,\d/.test(text) ? ': it has a decimal comma' : ''
  return `${what} "${text.slice(0, 40)}" cannot be read${why}`
}

export function parseWhole(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** From 0, without a unit. */
export function parseAmount(text: string): number | undefined {
  return /^\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}

/** `[[days-]hours:]minutes:seconds[.fraction]` as seconds; undefined for anything else. */
export function parseClock(text: string): number | undefined {
  const match = /^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(text)
  if (match === null) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0))
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
}

/** A time without a zone is read as UTC: it orders the history, nothing more. Undefined for what is none. */
export function parseTime(text: string): number | undefined {
  if (/^\d{12,}$/.test(text)) return Number(text)
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)) return undefined
  const parsed = Date.parse(`${text.replace(' ', 'T').replace(/Z$/, '')}Z`)
  return parsed > 0 ? parsed : undefined
}
