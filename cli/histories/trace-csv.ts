import type { Features, Labels, Outcome } from '../../shared/domain/execution.ts'
import { readRecord } from './csv.ts'
import { deliver, type Entry, HistoryError, type HistoryFormat } from './history.ts'
import { lines, maxEntryLength } from './lines.ts'
import { idOf, inOrder, known, occurrences } from './values.ts'

/** The trace CSV: docs/traces.md says what the columns are. In the order in which executions started. */
export const traceCsv: HistoryFormat = {
  description: 'trace CSV (docs/traces.md)',
  matches: (beginning) => /^\uFEFF?(?:[^\n]*,)?"?task"?(?:,|\r?\n|$)/.test(beginning),
  read(sink) {
    const occurredBefore = occurrences()
    let places: ReadonlyMap<string, number> | undefined
    let record: { readonly line: number; readonly text: string; readonly isOpen: boolean } | undefined

    function finish(): void {
      if (record === undefined) return
      const { line, text } = record
      record = undefined
      const fields = fieldsOf(text)
      if (typeof fields === 'string') sink.fault(line, fields)
      else if (places === undefined) places = placesOf(fields)
      else if (fields.length > 1 || fields[0] !== '') deliver(sink, line, entryOf(fields, places, line))
    }

    function entryOf(fields: readonly string[], header: ReadonlyMap<string, number>, line: number): Entry {
      const field = (column: string) => fields[header.get(column) ?? -1] ?? ''
      const row = readRow(field)
      if (typeof row === 'string') return row
      const content = JSON.stringify(row)
      const requested = known({
        memoryBytes: row.requestedMemoryBytes,
        cpuCores: row.requestedCpuCores,
        durationMs: row.requestedDurationMs,
      })
      return {
        line,
        id: idOf('trace', content, String(occurredBefore(content))),
        task: row.task,
        attempt: row.attempt ?? 1,
        features: row.features,
        labels: row.labels,
        requested,
        allocated: requested,
        used: known({
          memoryBytes: row.peakMemoryBytes,
          durationMs: row.durationMs,
          cpuCores: row.cpuCores,
        }),
        outcome: outcomeOf(row),
        startedAtMs: row.submitMs,
        endedAtUnixMs: row.submitMs === undefined ? undefined : row.submitMs + (row.durationMs ?? 0),
        field: (column) => (header.has(column) ? field(column) : undefined),
      }
    }

    return lines((text, line) => {
      // A quoted field may hold line breaks: the record goes on until its quotes are closed.
      const hasOddQuotes = text.split('"').length % 2 === 0
      record =
        record === undefined
          ? { line, text, isOpen: hasOddQuotes }
          : { line: record.line, text: `${record.text}\n${text}`, isOpen: record.isOpen !== hasOddQuotes }
      if (!record.isOpen || record.text.length > maxEntryLength) finish()
    }, finish)
  },
}

/** The fields of a record, or what is wrong with it. */
function fieldsOf(text: string): readonly string[] | string {
  try {
    return readRecord(text, 0).fields
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function placesOf(header: readonly string[]): ReadonlyMap<string, number> {
  const places = new Map(header.map((name, index) => [name.trim(), index]))
  if (!places.has('task')) throw new HistoryError('line 1: the header has no column "task"')
  return places
}

interface TraceRow {
  readonly task: string
  readonly submitMs: number | undefined
  readonly durationMs: number | undefined
  readonly peakMemoryBytes: number | undefined
  readonly requestedMemoryBytes: number | undefined
  readonly cpuCores: number | undefined
  readonly requestedCpuCores: number | undefined
  readonly requestedDurationMs: number | undefined
  readonly status: string
  readonly attempt: number | undefined
  readonly completed: boolean
  readonly features: Features
  readonly labels: Labels
}

type Column =
  | 'task'
  | 'submit_ms'
  | 'duration_ms'
  | 'peak_memory_bytes'
  | 'requested_memory_bytes'
  | 'cpu_cores_avg'
  | 'cpu_cores_requested'
  | 'input_bytes'
  | 'attempt'
  | 'status'
  | 'features'

/** A row, or what is wrong with it. */
function readRow(field: (column: Column) => string): TraceRow | string {
  let problem: string | undefined
  const amount = (column: Column): number | undefined => {
    const text = field(column)
    if (text === '') return undefined
    const value = Number(text)
    if (value >= 0 && value < Number.POSITIVE_INFINITY) return value
    problem ??= `${column} must be a number from 0, was "${text.slice(0, 40)}"`
    return undefined
  }
  const task = field('task')
  if (task === '') return 'task is empty'
  const described = readFeatures(field('features'))
  if (described === undefined) return 'features must be one JSON object'
  const { features, labels, requestedDurationMs } = described
  const inputBytes = amount('input_bytes')
  const status = field('status')
  const row: TraceRow = {
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
  return problem ?? row
}

/** Numbers are features, words are labels; `time_limit_ms` is a request and `execution` is a name, so neither. */
function readFeatures(
  text: string,
): Pick<TraceRow, 'features' | 'labels' | 'requestedDurationMs'> | undefined {
  if (text === '') return { features: {}, labels: {}, requestedDurationMs: undefined }
  const described = readObject(text)
  if (described === undefined) return undefined
  const features: Record<string, number> = {}
  const labels: Record<string, string> = {}
  for (const [name, value] of Object.entries(described)) {
    if (name === 'time_limit_ms' || name === 'execution') continue
    if (typeof value === 'number' && Number.isFinite(value)) features[name] = value
    else if (typeof value === 'string' && Buffer.byteLength(value) <= 256) labels[name] = value
  }
  const limit = described['time_limit_ms']
  return {
    features: inOrder(features),
    labels: inOrder(labels),
    requestedDurationMs: typeof limit === 'number' && limit > 0 ? limit : undefined,
  }
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** `completed`, or `failed:` and an exit code or a reason. 137 is a SIGKILL: at the memory requested it was for memory. */
function outcomeOf({ completed, status, peakMemoryBytes, requestedMemoryBytes }: TraceRow): Outcome {
  if (completed) return 'succeeded'
  const reason = status.replace(/^failed:?/, '').toLowerCase()
  if (/oom|out.?of.?memory/.test(reason)) return 'out-of-memory'
  if (/time.?out|timed.?out|time.?limit/.test(reason)) return 'timed-out'
  if (/cancel|abort/.test(reason)) return 'cancelled'
  if (/evict|preempt/.test(reason)) return 'evicted'
  const isAtLimit = (peakMemoryBytes ?? 0) >= 0.95 * (requestedMemoryBytes ?? Number.POSITIVE_INFINITY)
  return reason === '137' && isAtLimit ? 'out-of-memory' : 'failed'
}
