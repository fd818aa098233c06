import type { ExecutionRecord, ExecutionStart, Measured, RunningExecution } from '../domain/execution.ts'
import { resourceLimits } from '../domain/resources.ts'
import { measurementSourceEnum, outcomeEnum } from './enums.ts'
import {
  readFeatures,
  readLabels,
  readName,
  readResources,
  readTask,
  readWhole,
  readWithin,
  readWord,
} from './fields.ts'
import type * as gen from './gen/foresize/v1/execution.ts'
import type { RunningExecution as WireRunningExecution } from './gen/foresize/v1/profile.ts'
import type { Inspection } from './inspection.ts'
import { limits } from './limits.ts'

/** How an attempt ended, as a worker says it. */
export interface ExecutionEnd {
  readonly executionId: string
  readonly outcome: ExecutionRecord['outcome']
  readonly used: ExecutionRecord['used']
  readonly source: ExecutionRecord['source']
  readonly measured?: Measured | undefined
}

export function toExecutionStart(
  message: gen.ExecutionStart,
  path: string,
  seen: Inspection,
): ExecutionStart {
  return toStart(message, prefix(path), seen)
}

/** 0 is the server's default. */
export function toLeaseMs(message: gen.ExecutionStart, path: string, seen: Inspection): number {
  return readWithin(message.leaseMs, { min: 0, max: limits.leaseMs }, `${prefix(path)}lease_ms`, seen)
}

export function toExecutionEnd(message: gen.ExecutionEnd, path: string, seen: Inspection): ExecutionEnd {
  const at = prefix(path)
  return {
    executionId: readName(message.executionId, `${at}execution_id`, seen),
    outcome: readWord(outcomeEnum, message.outcome, 'lost', `${at}outcome`, seen),
    used: readResources(message.used, `${at}used`, seen),
    source: readWord(measurementSourceEnum, message.source, 'unknown', `${at}source`, seen),
    measured: readMeasured(message.measured, `${at}measured`, seen),
  }
}

export function toExecutionRecord(
  message: gen.ExecutionRecord,
  path: string,
  seen: Inspection,
): ExecutionRecord {
  const at = prefix(path)
  return {
    ...toStart(message, at, seen),
    used: readResources(message.used, `${at}used`, seen),
    outcome: readWord(outcomeEnum, message.outcome, 'lost', `${at}outcome`, seen),
    source: readWord(measurementSourceEnum, message.source, 'unknown', `${at}source`, seen),
    measured: readMeasured(message.measured, `${at}measured`, seen),
    endedAtUnixMs: readWithin(
      message.endedAtUnixMs,
      { min: 0, max: limits.unixMs },
      `${at}ended_at_unix_ms`,
      seen,
    ),
  }
}

function readMeasured(
  message: gen.Measured | undefined,
  path: string,
  seen: Inspection,
): Measured | undefined {
  if (message === undefined) return undefined
  const read = (value: number | undefined, max: number, name: string) =>
    value === undefined ? undefined : readWithin(value, { min: 0, max }, `${path}.${name}`, seen)
  const { memoryBytes, durationMs } = resourceLimits
  return {
    treeMemoryBytes: read(message.treeMemoryBytes, memoryBytes, 'tree_memory_bytes'),
    chargedMemoryBytes: read(message.chargedMemoryBytes, memoryBytes, 'charged_memory_bytes'),
    throttledMs: read(message.throttledMs, durationMs, 'throttled_ms'),
    overheadMemoryBytes: read(message.overheadMemoryBytes, memoryBytes, 'overhead_memory_bytes'),
  }
}

type Started = Omit<gen.ExecutionStart, 'leaseMs'>

function toStart(message: Started, at: string, seen: Inspection): ExecutionStart {
  const { estimateToken } = message
  if (estimateToken.length > limits.estimateTokenBytes) {
    seen.reject(
      `${at}estimate_token`,
      `must be at most ${limits.estimateTokenBytes} bytes, has ${estimateToken.length}`,
    )
  }
  return {
    executionId: readName(message.executionId, `${at}execution_id`, seen),
    task: readTask(message.task, `${at}task`, seen),
    attempt: readWhole(message.attempt || 1, { min: 1, max: limits.attempt }, `${at}attempt`, seen),
    features: readFeatures(message.features, `${at}features`, seen),
    labels: readLabels(message.labels, `${at}labels`, seen),
    requested: readResources(message.requested, `${at}requested`, seen),
    allocated: readResources(message.allocated, `${at}allocated`, seen),
    estimateToken,
    weight: readWithin(
      message.weight === 0 ? 1 : message.weight,
      { min: 1, max: limits.weight },
      `${at}weight`,
      seen,
    ),
  }
}

export function fromExecutionStart(start: ExecutionStart, leaseMs = 0): gen.ExecutionStart {
  return { ...start, estimateToken: bufferOf(start.estimateToken), leaseMs }
}

/** The same bytes, not a copy. */
function bufferOf(bytes: Uint8Array): Buffer {
  return bytes.length === 0 ? noBytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

const noBytes = Buffer.alloc(0)

export function fromExecutionEnd(end: ExecutionEnd): gen.ExecutionEnd {
  return {
    ...end,
    outcome: outcomeEnum.toWire(end.outcome),
    source: measurementSourceEnum.toWire(end.source),
  }
}

export function fromExecutionRecord(record: ExecutionRecord): gen.ExecutionRecord {
  return {
    ...record,
    estimateToken: bufferOf(record.estimateToken),
    outcome: outcomeEnum.toWire(record.outcome),
    source: measurementSourceEnum.toWire(record.source),
  }
}

export function toRunningExecution(
  message: WireRunningExecution,
  path: string,
  seen: Inspection,
): RunningExecution {
  const at = prefix(path)
  const time = (value: number | undefined, name: string) =>
    value === undefined ? undefined : readWithin(value, { min: 0, max: limits.unixMs }, `${at}${name}`, seen)
  return {
    executionId: readName(message.executionId, `${at}execution_id`, seen),
    attempt: readWhole(message.attempt || 1, { min: 1, max: limits.attempt }, `${at}attempt`, seen),
    features: readFeatures(message.features, `${at}features`, seen),
    labels: readLabels(message.labels, `${at}labels`, seen),
    requested: readResources(message.requested, `${at}requested`, seen),
    allocated: readResources(message.allocated, `${at}allocated`, seen),
    peak: readResources(message.peak, `${at}peak`, seen),
    startedAtUnixMs: time(message.startedAtUnixMs, 'started_at_unix_ms'),
    lastSeenUnixMs: time(message.lastSeenUnixMs, 'last_seen_unix_ms'),
  }
}

function prefix(path: string): string {
  return path === '' ? '' : `${path}.`
}
