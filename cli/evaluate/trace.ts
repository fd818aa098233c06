import type { Features, Labels } from '../../shared/domain/execution.ts'
import { readRecord } from './csv.ts'

/** One execution of a history, as docs/traces.md describes its columns. Unset is unknown. */
export interface TraceRow {
  /** In the file, from 1. */
  readonly line?: number
  readonly task: string
  readonly submitMs?: number | undefined
  readonly durationMs?: number | undefined
  readonly peakMemoryBytes?: number | undefined
  readonly requestedMemoryBytes?: number | undefined
  readonly cpuCores?: number | undefined
  readonly requestedCpuCores?: number | undefined
  readonly requestedDurationMs?: number | undefined
  readonly completed: boolean
  /** As it stands there; empty means completed. */
  readonly status?: string
  /** From 1. */
  readonly attempt?: number | undefined
  /** With `input_bytes` where it is known. */
  readonly features: Features
  readonly labels: Labels
}

export interface TraceOptions {
  /** Leaves `input_bytes` out: for histories where it was only known after the run. */
  readonly ignoreInput: boolean
  /** Rows taken, from the first. */
  readonly limit: number
}

/** A trace that cannot be read. Its message is for the person who named the file, and names the line. */
export class TraceError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TraceError'
  }
}

const columns = [
  'task',
  'submit_ms',
  'duration_ms',
  'peak_memory_bytes',
  'requested_memory_bytes',
  'cpu_cores_avg',
  'cpu_cores_requested',
  'input_bytes',
  'attempt',
  'status',
  'group',
  'features',
] as const

type Column = (typeof columns)[number]

/** Reads CSV text with a header. Columns may come in any order, only `task` must be there. Throws: TraceError. */
export function readTrace(text: string, { ignoreInput, limit }: TraceOptions): readonly TraceRow[] {
  const header = recordAt(text, text.startsWith('\uFEFF') ? 1 : 0, 1)
  const places = new Map(header.fields.map((name, index) => [name.trim(), index]))
  if (!places.has('task')) throw new TraceError('line 1: the header has no column "task"')
  const rows: TraceRow[] = []
  let line = 2
  for (let at = header.next; at < text.length && rows.length < limit; line++) {
    const { fields, next } = recordAt(text, at, line)
    at = next
    if (fields.length === 1 && fields[0] === '') continue
    rows.push(readRow((column) => fields[places.get(column) ?? -1] ?? '', line, ignoreInput))
  }
  return rows
}

function recordAt(text: string, at: number, line: number): ReturnType<typeof readRecord> {
  try {
    return readRecord(text, at)
  } catch (error) {
    throw new TraceError(`line ${line}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function readRow(field: (column: Column) => string, line: number, ignoreInput: boolean): TraceRow {
  const amount = (column: Column) => readAmount(field(column), column, line)
  const task = field('task')
  if (task === '') throw new TraceError(`line ${line}: task is empty`)
  const { features, labels, requestedDurationMs } = readFeatures(field('features'), line)
  const inputBytes = ignoreInput ? undefined : amount('input_bytes')
  const status = field('status')
  return {
    line,
    task,
    submitMs: amount('submit_ms'),
    durationMs: amount('duration_ms'),
    peakMemoryBytes: amount('peak_memory_bytes'),
    requestedMemoryBytes: amount('requested_memory_bytes'),
    cpuCores: amount('cpu_cores_avg'),
    requestedCpuCores: amount('cpu_cores_requested'),
    requestedDurationMs,
    status,
    attempt: amount('attempt') || undefined,
    completed: status === '' || status === 'completed',
    features: inputBytes === undefined ? features : inOrder({ ...features, input_bytes: inputBytes }),
    labels,
  }
}

function readAmount(text: string, column: Column, line: number): number | undefined {
  if (text === '') return undefined
  const value = Number(text)
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new TraceError(`line ${line}: ${column} must be a number from 0, was "${text.slice(0, 40)}"`)
  }
  return value
}

/** Entries of an execution that the contract takes. */
const maxEntries = 31

/** Numbers are features, words are labels; `time_limit_ms` is a request and `execution` is a name, so neither. */
function readFeatures(
  text: string,
  line: number,
): Pick<TraceRow, 'features' | 'labels' | 'requestedDurationMs'> {
  if (text === '') return { features: {}, labels: {} }
  const features: Record<string, number> = {}
  const labels: Record<string, string> = {}
  for (const [name, value] of Object.entries(readObject(text, line))) {
    if (name === 'time_limit_ms' || name === 'execution') continue
    if (typeof value === 'number' && Number.isFinite(value)) features[name] = value
    else if (typeof value === 'string' && Buffer.byteLength(value) <= 256) labels[name] = value
  }
  const limit = readObject(text, line)['time_limit_ms']
  return {
    features: inOrder(features),
    labels: inOrder(labels),
    requestedDurationMs: typeof limit === 'number' && limit > 0 ? limit : undefined,
  }
}

function readObject(text: string, line: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Told below.
  }
  throw new TraceError(`line ${line}: features must be one JSON object`)
}

/** As every reader of the wire gives them: in order of key, and no more than it takes. */
function inOrder<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.slice(0, maxEntries + 1))
}
