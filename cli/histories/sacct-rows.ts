import { HistoryError, type HistoryReader } from './history.ts'
import { lines, maxEntryLength } from './lines.ts'
import { slurmState, slurmStates } from './slurm-job.ts'

/** A row of sacct's table. Columns by their names in lower case; empty where there is no such column. */
export interface SacctRow {
  readonly line: number
  field(column: string): string
}

export interface RowSink {
  header(has: (column: string) => boolean): void
  row(row: SacctRow): void
  fault(line: number, message: string): void
  end(): void
}

/**
 * Rows of `sacct`, with any `--delimiter`, or of fixed width. What a user has typed into a job's name, comment or command
 * line may hold the delimiter and line breaks: a row goes on until the next one begins, and its fields are those that
 * leave every column of a known form in that form.
 * Source: sacct(1).
 */
export function sacctRows(sink: RowSink): HistoryReader {
  let first: string | undefined
  let table: Table | undefined
  let pending: { readonly line: number; text: string } | undefined

  function flush(): void {
    if (pending === undefined || table === undefined) return
    const { line, text } = pending
    pending = undefined
    const fields = table.split(text)
    if (fields === undefined) {
      sink.fault(line, `has ${table.count(text)} fields, the header has ${table.names.length}`)
      return
    }
    const { places } = table
    sink.row({ line, field: (column) => fields[places.get(column) ?? -1]?.trim() ?? '' })
  }

  function open(opened: Table): Table {
    sink.header((column) => opened.places.has(column))
    return opened
  }

  function take(text: string, line: number): void {
    if (first === undefined) {
      if (text.trim() !== '') first = text
      return
    }
    if (table === undefined) {
      const isRuled = text.includes('--') && /^[\s-]*$/.test(text)
      table = open(isRuled ? fixedTable(first, text) : delimitedTable(first))
      if (isRuled) return
    }
    if (text === first) flush()
    else if (table.begins(text)) {
      flush()
      pending = { line, text }
    } else if (pending !== undefined && pending.text.length < maxEntryLength) pending.text += `\n${text}`
    else if (text.trim() !== '') sink.fault(line, 'does not begin with the id of a job')
  }

  return lines(take, () => {
    if (first === undefined) throw new HistoryError('there is no header')
    table ??= open(delimitedTable(first))
    flush()
    sink.end()
  })
}

interface Table {
  readonly names: readonly string[]
  readonly places: ReadonlyMap<string, number>
  /** Whether a line begins a row: continued text does not. */
  begins(line: string): boolean
  /** Undefined where the text does not fit the header. */
  split(text: string): readonly string[] | undefined
  count(text: string): number
}

const jobId = /^\s*\d+(?:_(?:\d+|\[[^\]]*\]?)|\+\d+)?\+?(?:\.\S+)?\s*$/

function namesIn(parts: readonly string[]) {
  const names = parts.map((name) => name.trim().toLowerCase())
  const places = new Map(names.map((name, index) => [name, index]))
  const id = places.get('jobid') ?? places.get('jobidraw')
  if (id === undefined) throw new HistoryError('sacct output needs the field jobid')
  return { names, places, id }
}

function delimitedTable(header: string): Table {
  const delimiter = /^[A-Za-z]+([^A-Za-z]+)/.exec(header)?.[1] ?? '|'
  const { names, places, id } = namesIn(header.split(delimiter))
  const fits = names.map((name) => formOf(name))
  return {
    names,
    places,
    begins: (line) => jobId.test(line.split(delimiter, id + 1)[id] ?? ''),
    split(text) {
      const pieces = text.split(delimiter)
      if (pieces.length === names.length) return pieces
      return pieces.length < names.length ? undefined : assigned(pieces, fits, delimiter)
    },
    count: (text) => text.split(delimiter).length,
  }
}

/** Columns are as wide as the dashes below their names. */
function fixedTable(header: string, rule: string): Table {
  const spans = [...rule.matchAll(/-+/g)].map(
    ({ index, 0: dashes }) => [index, index + dashes.length] as const,
  )
  const fieldsOf = (line: string) => spans.map(([from, to]) => line.slice(from, to))
  const { names, places, id } = namesIn(fieldsOf(header))
  return {
    names,
    places,
    begins: (line) => jobId.test(fieldsOf(line)[id] ?? ''),
    split: fieldsOf,
    count: () => names.length,
  }
}

const clock = /^(?:(?:\d+-)?\d+:)?\d+:\d+(?:\.\d+)?$/
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$|^(?:Unknown|None|N\/A|NOT_SET)$/
const whole = /^\d+$/
const size = /^\d+(?:\.\d+)?[KMGTP]?[nc]?$/i
const tres = /^[\w/:.-]+=[^,|]*(?:,[\w/:.-]+=[^,|]*)*$/

const forms: Readonly<Record<string, RegExp>> = {
  jobid: jobId,
  jobidraw: jobId,
  elapsed: clock,
  totalcpu: clock,
  usercpu: clock,
  systemcpu: clock,
  cputime: clock,
  elapsedraw: whole,
  cputimeraw: whole,
  alloccpus: whole,
  ncpus: whole,
  reqcpus: whole,
  nnodes: whole,
  allocnodes: whole,
  ntasks: whole,
  restarts: whole,
  maxrss: size,
  averss: size,
  maxvmsize: size,
  reqmem: size,
  submit: time,
  start: time,
  end: time,
  eligible: time,
  exitcode: /^\d+:\d+$/,
  timelimitraw: /^(?:\d+|UNLIMITED|Partition_Limit|INVALID)$/,
  timelimit: /^(?:[\d:-]+|UNLIMITED|Partition_Limit|INVALID)$/,
}

type Form = (text: string) => boolean

/** What a column of a known form may hold; undefined for free text. */
function formOf(name: string): Form | undefined {
  if (name === 'state') return (text) => slurmStates.includes(slurmState(text.trim()))
  const form = forms[name] ?? (/^(?:tresusage|alloctres|reqtres)/.test(name) ? tres : undefined)
  return form === undefined ? undefined : (text) => text.trim() === '' || form.test(text.trim())
}

/** More pieces than columns: the rest belongs to columns of free text. Each place is tried once. */
function assigned(
  pieces: readonly string[],
  forms: readonly (Form | undefined)[],
  delimiter: string,
): readonly string[] | undefined {
  const extra = pieces.length - forms.length
  const refuted = new Set<number>()

  function from(column: number, piece: number): readonly string[] | undefined {
    if (column === forms.length) return piece === pieces.length ? [] : undefined
    const key = column * (pieces.length + 1) + piece
    if (refuted.has(key)) return undefined
    const form = forms[column]
    const most = form === undefined ? extra - (piece - column) + 1 : Number(form(pieces[piece] ?? ''))
    for (let taken = 1; taken <= most; taken++) {
      const others = from(column + 1, piece + taken)
      if (others !== undefined) return [pieces.slice(piece, piece + taken).join(delimiter), ...others]
    }
    refuted.add(key)
    return undefined
  }

  return extra > maxExtra ? undefined : from(0, 0)
}

/** Delimiters in the free text of one row. */
const maxExtra = 200
