import type { Resources } from '../../shared/domain/resources.ts'
import { readTrace, type TraceRow } from '../evaluate/trace.ts'
import { type HistoryFormat, idOf, known } from './past-execution.ts'

/** The trace CSV of `foresize evaluate`: docs/traces.md says what the columns are. */
export const traceCsv: HistoryFormat = {
  description: 'trace CSV (docs/traces.md)',
  matches: (beginning) => /^\uFEFF?(?:[^\n]*,)?"?task"?(?:,|\r?\n)/.test(beginning),
  read(text, task) {
    const seen = new Map<string, number>()
    const executions = readTrace(text, { ignoreInput: false, limit: Number.POSITIVE_INFINITY }).map((row) => {
      const content = JSON.stringify(row)
      const repeat = seen.get(content) ?? 0
      seen.set(content, repeat + 1)
      const requested = requestOf(row)
      return {
        id: idOf('trace', content, String(repeat)),
        task: task ?? row.task,
        attempt: 1,
        features: row.features,
        labels: row.labels,
        requested,
        allocated: requested,
        used: known({ memoryBytes: row.peakMemoryBytes, durationMs: row.durationMs, cpuCores: row.cpuCores }),
        outcome: row.completed ? ('succeeded' as const) : ('failed' as const),
        endedAtUnixMs: (row.submitMs ?? 0) + (row.submitMs === undefined ? 0 : (row.durationMs ?? 0)),
      }
    })
    return { executions, skipped: 0 }
  },
}

function requestOf(row: TraceRow): Resources {
  return known({
    memoryBytes: row.requestedMemoryBytes,
    cpuCores: row.requestedCpuCores,
    durationMs: row.requestedDurationMs,
  })
}
