import type { Outcome } from '../../shared/domain/execution.ts'
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
      const { line = 0, ...said } = row
      const content = JSON.stringify(said)
      const repeat = seen.get(content) ?? 0
      seen.set(content, repeat + 1)
      const requested = requestOf(row)
      return {
        line,
        id: idOf('trace', content, String(repeat)),
        task: task ?? row.task,
        attempt: row.attempt ?? 1,
        features: row.features,
        labels: row.labels,
        requested,
        allocated: requested,
        used: known({ memoryBytes: row.peakMemoryBytes, durationMs: row.durationMs, cpuCores: row.cpuCores }),
        outcome: outcomeOf(row),
        endedAtUnixMs: (row.submitMs ?? 0) + (row.submitMs === undefined ? 0 : (row.durationMs ?? 0)),
      }
    })
    return { executions, skipped: 0, errors: [] }
  },
}

/** `completed`, or `failed:` and an exit code or a reason. 137 is a SIGKILL: at the memory requested it was for memory. */
function outcomeOf({ completed, status = '', peakMemoryBytes, requestedMemoryBytes }: TraceRow): Outcome {
  if (completed) return 'succeeded'
  const reason = status.replace(/^failed:?/, '').toLowerCase()
  if (/oom|out.?of.?memory/.test(reason)) return 'out-of-memory'
  if (/time.?out|timed.?out|time.?limit/.test(reason)) return 'timed-out'
  if (/cancel|abort/.test(reason)) return 'cancelled'
  if (/evict|preempt/.test(reason)) return 'evicted'
  const isAtLimit = (peakMemoryBytes ?? 0) >= 0.95 * (requestedMemoryBytes ?? Number.POSITIVE_INFINITY)
  return reason === '137' && isAtLimit ? 'out-of-memory' : 'failed'
}

function requestOf(row: TraceRow): Resources {
  return known({
    memoryBytes: row.requestedMemoryBytes,
    cpuCores: row.requestedCpuCores,
    durationMs: row.requestedDurationMs,
  })
}
