import type { Features, Labels } from '../../shared/domain/execution.ts'
import { HistoryError, type PastExecution } from '../histories/history.ts'
import { describeTally, type HistorySettings, nameOf, readHistory } from '../histories/read-history.ts'

/** One execution of a history, as it is played. Unset is unknown. */
export interface TraceRow {
  readonly task: string
  readonly submitMs?: number | undefined
  readonly durationMs?: number | undefined
  readonly peakMemoryBytes?: number | undefined
  readonly requestedMemoryBytes?: number | undefined
  readonly cpuCores?: number | undefined
  readonly requestedCpuCores?: number | undefined
  readonly requestedDurationMs?: number | undefined
  readonly completed: boolean
  /** With `input_bytes` where it is known. */
  readonly features: Features
  readonly labels: Labels
}

export interface Trace {
  /** The file's name without folder and ending. */
  readonly name: string
  /** In the order in which they started, as far as that is told. */
  readonly rows: readonly TraceRow[]
  /** What was found in the file, for a person. */
  readonly tally: string
}

/** Rows of one file that are kept to be played. */
export const defaultLimit = 200_000

/** Takes the first `limit` rows. Throws: HistoryError naming the file, also where nothing in it can be read. */
export async function readTrace(
  path: string,
  settings: HistorySettings,
  limit = defaultLimit,
): Promise<Trace> {
  const rows: TraceRow[] = []
  const tally = await readHistory(path, settings, (execution) => {
    rows.push(rowOf(execution))
    return rows.length < limit
  })
  if (rows.length === 0 && tally.unreadable > 0) {
    throw new HistoryError(`nothing in it can be read\n${describeTally(tally).trimEnd()}`)
  }
  // A trace CSV is in order already, by definition; logs are in order of ends.
  const isSorted = tally.format !== 'trace' && rows.every(({ submitMs }) => submitMs !== undefined)
  if (isSorted) rows.sort((a, b) => (a.submitMs ?? 0) - (b.submitMs ?? 0))
  const cut = rows.length < limit ? '' : `  only the first ${limit} rows are taken: --limit says how many\n`
  return { name: nameOf(path), rows, tally: describeTally(tally) + cut }
}

function rowOf({ task, used, requested, outcome, features, labels, startedAtMs }: PastExecution): TraceRow {
  return {
    task,
    submitMs: startedAtMs,
    durationMs: used.durationMs,
    peakMemoryBytes: used.memoryBytes,
    requestedMemoryBytes: requested.memoryBytes,
    cpuCores: used.cpuCores,
    requestedCpuCores: requested.cpuCores,
    requestedDurationMs: requested.durationMs,
    completed: outcome === 'succeeded',
    features,
    labels,
  }
}
