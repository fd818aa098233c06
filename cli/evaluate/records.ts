import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import type { Policy } from '../../shared/domain/policy.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { TraceRow } from './trace.ts'

const namespace = 'default'

/** What is asked before the row runs. `failedBytes`: what the attempt before was given. */
export function queryOf(
  row: TraceRow,
  policy: Partial<Policy>,
  useRequest: boolean,
  attempt = 1,
  failedBytes?: number,
): EstimateQuery {
  return {
    task: { namespace, task: row.task },
    features: row.features,
    labels: row.labels,
    requested: requestedOf(row, useRequest),
    attempt,
    previousAllocation: failedBytes === undefined ? {} : { memoryBytes: failedBytes },
    previousOutcome: failedBytes === undefined ? undefined : 'out-of-memory',
    policy,
  }
}

/** What is reported after it. */
export function recordOf(
  row: TraceRow,
  executionId: string,
  useRequest: boolean,
  attempt = 1,
): ExecutionRecord {
  return {
    executionId,
    task: { namespace, task: row.task },
    attempt,
    features: row.features,
    labels: row.labels,
    requested: requestedOf(row, useRequest),
    allocated: {},
    used: known({ memoryBytes: row.peakMemoryBytes, durationMs: row.durationMs, cpuCores: row.cpuCores }),
    estimateToken: new Uint8Array(0),
    weight: 1,
    outcome: 'succeeded',
    source: 'external',
    endedAtUnixMs: 0,
  }
}

/** What is reported of an attempt that was killed at `givenBytes`: its need is above. */
export function killedRecordOf(
  row: TraceRow,
  executionId: string,
  useRequest: boolean,
  attempt: number,
  givenBytes: number,
): ExecutionRecord {
  return {
    ...recordOf(row, executionId, useRequest, attempt),
    allocated: { memoryBytes: givenBytes },
    used: known({ memoryBytes: givenBytes, durationMs: row.durationMs }),
    outcome: 'out-of-memory',
  }
}

function requestedOf(row: TraceRow, useRequest: boolean): Resources {
  if (!useRequest) return {}
  return known({
    memoryBytes: row.requestedMemoryBytes,
    cpuCores: row.requestedCpuCores,
    durationMs: row.requestedDurationMs,
  })
}

/** Zero is blank in a history: nothing runs on nothing. */
function known(resources: Resources): Resources {
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined && value > 0))
}
