import { endianness } from 'node:os'
import type { ExecutionRecord, Measured, RunningExecution } from '../domain/execution.ts'
import type {
  AccuracyFigures,
  CalibrationBin,
  DimensionStatistics,
  Profile,
  ProfileKey,
  StrategyAccuracy,
} from '../domain/profile.ts'
import type { Resources } from '../domain/resources.ts'
import {
  type ByteWriter,
  beginMessage,
  endMessage,
  writeBytes,
  writeDouble,
  writeDoubles,
  writeText,
  writeVarint,
} from './byte-writer.ts'
import { dimensionEnum, measurementSourceEnum, outcomeEnum, profileKindEnum } from './enums.ts'
import { CohortMember } from './gen/foresize/v1/profile.ts'
import { fromMember } from './profile.ts'
import { entryTags, resourceTags, taskTags } from './tags.ts'

/** Tags: of a field its number × 8 + the type on the wire, which is 0 for whole numbers, 1 for doubles, 2 for what has a length. */
const profileTags = {
  key: 0x0a,
  schemaVersion: 0x10,
  revision: 0x18,
  firstSeenUnixMs: 0x21,
  lastSeenUnixMs: 0x29,
  outcomes: 0x32,
  statistics: 0x3a,
  executions: 0x42,
  running: 0x4a,
  folded: 0x52,
  accuracy: 0x5a,
  members: 0x62,
} as const
const keyTags = { namespace: 0x0a, kind: 0x10, task: 0x1a } as const
const outcomeTags = { outcome: 0x08, count: 0x11 } as const
const statisticsTags = {
  dimension: 0x08,
  weight: 0x11,
  mean: 0x19,
  variance: 0x21,
  min: 0x29,
  max: 0x31,
  sketch: 0x3a,
} as const
const sketchTags = { relativeAccuracy: 0x09, zeroWeight: 0x11, offset: 0x18, weights: 0x22 } as const
const executionTags = {
  executionId: 0x0a,
  task: 0x12,
  attempt: 0x18,
  features: 0x22,
  labels: 0x2a,
  requested: 0x32,
  allocated: 0x3a,
  used: 0x42,
  outcome: 0x48,
  source: 0x50,
  estimateToken: 0x5a,
  weight: 0x61,
  endedAtUnixMs: 0x69,
  measured: 0x72,
} as const
const measuredTags = {
  treeMemoryBytes: 0x09,
  chargedMemoryBytes: 0x11,
  throttledMs: 0x19,
  overheadMemoryBytes: 0x21,
} as const
const runningTags = {
  executionId: 0x0a,
  attempt: 0x10,
  features: 0x1a,
  labels: 0x22,
  requested: 0x2a,
  allocated: 0x32,
  peak: 0x3a,
  startedAtUnixMs: 0x41,
  lastSeenUnixMs: 0x49,
} as const
const accuracyTags = {
  strategy: 0x0a,
  variant: 0x12,
  dimension: 0x18,
  executions: 0x21,
  weight: 0x29,
  coverage: 0x31,
  relativeError: 0x39,
  wastage: 0x41,
  brier: 0x49,
  meanConfidence: 0x51,
  weightSquares: 0x59,
  relativeErrorVariance: 0x61,
  cost: 0x69,
  costVariance: 0x71,
  calibration: 0x7a,
  total: 0x82,
} as const
const totalTags = {
  weight: 0x09,
  weightSquares: 0x11,
  coverage: 0x19,
  relativeError: 0x21,
  relativeErrorVariance: 0x29,
  wastage: 0x31,
  cost: 0x39,
  costVariance: 0x41,
  brier: 0x49,
  meanConfidence: 0x51,
  calibration: 0x5a,
} as const
const binTags = { bin: 0x08, weight: 0x11, confidence: 0x19, coverage: 0x21 } as const

/** One of the largest takes 0.1 ms; a step for each of the small ones would be a fifth of what they cost. */
export const entriesAStep = 8

/**
 * A profile from the domain's value, by hand: the messages that the generated encoder takes would be made for each commit.
 * Law: the bytes of the generated encoder, test/unit/wire/profile-bytes.test.ts.
 * Throws: RangeError where a number that has to be whole is not.
 * @param executionSteps writes all executions, some a step.
 */
export function* writeProfile(
  profile: Profile,
  writer: ByteWriter,
  executionSteps = writeExecutions,
): Generator<undefined, void> {
  const { schemaVersion, revision, firstSeenUnixMs, lastSeenUnixMs } = profile
  const { running, folded } = profile
  const tags = profileTags
  writeKey(writer, tags.key, profile.key)
  if (schemaVersion !== 0) writeVarint(writer, tags.schemaVersion, schemaVersion)
  if (revision !== 0) writeVarint(writer, tags.revision, revision)
  writeSet(writer, tags.firstSeenUnixMs, firstSeenUnixMs)
  writeSet(writer, tags.lastSeenUnixMs, lastSeenUnixMs)
  for (const { outcome, count } of profile.outcomes) {
    const start = beginMessage(writer, tags.outcomes)
    writeVarint(writer, outcomeTags.outcome, outcomeEnum.toWire(outcome))
    writeSet(writer, outcomeTags.count, count)
    endMessage(writer, start)
  }
  for (const entry of profile.statistics) writeStatistics(writer, tags.statistics, entry)
  yield* executionSteps(profile.executions, writer)
  for (let i = 0; i < running.length; i++) {
    if (i % entriesAStep === 0) yield
    writeRunning(writer, tags.running, running[i] as RunningExecution)
  }
  if (folded.length > 0) {
    const start = beginMessage(writer, tags.folded)
    writeBytes(writer, doublesOf(folded))
    endMessage(writer, start)
  }
  for (const entry of profile.accuracy) writeAccuracy(writer, tags.accuracy, entry)
  for (const member of profile.members) {
    const start = beginMessage(writer, tags.members)
    writeBytes(writer, CohortMember.encode(fromMember(member)).finish())
    endMessage(writer, start)
  }
}

function* writeExecutions(
  executions: readonly ExecutionRecord[],
  writer: ByteWriter,
): Generator<undefined, void> {
  for (let i = 0; i < executions.length; i++) {
    if (i % entriesAStep === 0) yield
    writeExecution(writer, executions[i] as ExecutionRecord)
  }
}

/** One of a profile's executions. */
export function writeExecution(writer: ByteWriter, record: ExecutionRecord): void {
  const { executionId, task, attempt, estimateToken, weight, endedAtUnixMs, measured } = record
  const tags = executionTags
  const start = beginMessage(writer, profileTags.executions)
  if (executionId !== '') writeText(writer, tags.executionId, executionId)
  const taskStart = beginMessage(writer, tags.task)
  if (task.namespace !== '') writeText(writer, taskTags.namespace, task.namespace)
  if (task.task !== '') writeText(writer, taskTags.task, task.task)
  endMessage(writer, taskStart)
  if (attempt !== 0) writeVarint(writer, tags.attempt, attempt)
  writeFeatures(writer, tags.features, record.features)
  writeLabels(writer, tags.labels, record.labels)
  writeResources(writer, tags.requested, record.requested)
  writeResources(writer, tags.allocated, record.allocated)
  writeResources(writer, tags.used, record.used)
  writeVarint(writer, tags.outcome, outcomeEnum.toWire(record.outcome))
  const source = measurementSourceEnum.toWire(record.source)
  if (source !== 0) writeVarint(writer, tags.source, source)
  if (estimateToken.length > 0) {
    const token = beginMessage(writer, tags.estimateToken)
    writeBytes(writer, estimateToken)
    endMessage(writer, token)
  }
  writeSet(writer, tags.weight, weight)
  writeSet(writer, tags.endedAtUnixMs, endedAtUnixMs)
  if (measured !== undefined) writeMeasured(writer, tags.measured, measured)
  endMessage(writer, start)
}

function writeKey(writer: ByteWriter, tag: number, { namespace, kind, task }: ProfileKey): void {
  const start = beginMessage(writer, tag)
  if (namespace !== '') writeText(writer, keyTags.namespace, namespace)
  writeVarint(writer, keyTags.kind, profileKindEnum.toWire(kind))
  if (task !== '') writeText(writer, keyTags.task, task)
  endMessage(writer, start)
}

function writeStatistics(writer: ByteWriter, tag: number, entry: DimensionStatistics): void {
  const tags = statisticsTags
  const start = beginMessage(writer, tag)
  writeVarint(writer, tags.dimension, dimensionEnum.toWire(entry.dimension))
  writeSet(writer, tags.weight, entry.weight)
  writeSet(writer, tags.mean, entry.mean)
  writeSet(writer, tags.variance, entry.variance)
  writeSet(writer, tags.min, entry.min)
  writeSet(writer, tags.max, entry.max)
  const { relativeAccuracy, zeroWeight, offset, weights } = entry.sketch
  const sketch = beginMessage(writer, tags.sketch)
  writeSet(writer, sketchTags.relativeAccuracy, relativeAccuracy)
  writeSet(writer, sketchTags.zeroWeight, zeroWeight)
  if (offset !== 0) writeVarint(writer, sketchTags.offset, zigzag(offset))
  if (weights.length > 0) writeDoubles(writer, sketchTags.weights, weights)
  endMessage(writer, sketch)
  endMessage(writer, start)
}

/** A whole number of 32 bits with a sign, as sint32 has it. */
const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value)

function writeFeatures(writer: ByteWriter, tag: number, features: ExecutionRecord['features']): void {
  for (const name in features) {
    const start = beginMessage(writer, tag)
    if (name !== '') writeText(writer, entryTags.key, name)
    writeSet(writer, entryTags.number, features[name] as number)
    endMessage(writer, start)
  }
}

function writeLabels(writer: ByteWriter, tag: number, labels: ExecutionRecord['labels']): void {
  for (const name in labels) {
    const start = beginMessage(writer, tag)
    const value = labels[name] as string
    if (name !== '') writeText(writer, entryTags.key, name)
    if (value !== '') writeText(writer, entryTags.text, value)
    endMessage(writer, start)
  }
}

function writeResources(writer: ByteWriter, tag: number, resources: Resources): void {
  const { cpuCores, memoryBytes, diskBytes, gpuMemoryBytes, durationMs } = resources
  const tags = resourceTags
  const start = beginMessage(writer, tag)
  if (cpuCores !== undefined) writeDouble(writer, tags.cpuCores, cpuCores)
  if (memoryBytes !== undefined) writeDouble(writer, tags.memoryBytes, memoryBytes)
  if (diskBytes !== undefined) writeDouble(writer, tags.diskBytes, diskBytes)
  if (gpuMemoryBytes !== undefined) writeDouble(writer, tags.gpuMemoryBytes, gpuMemoryBytes)
  if (durationMs !== undefined) writeDouble(writer, tags.durationMs, durationMs)
  endMessage(writer, start)
}

function writeMeasured(writer: ByteWriter, tag: number, measured: Measured): void {
  const { treeMemoryBytes, chargedMemoryBytes, throttledMs, overheadMemoryBytes } = measured
  const tags = measuredTags
  const start = beginMessage(writer, tag)
  if (treeMemoryBytes !== undefined) writeDouble(writer, tags.treeMemoryBytes, treeMemoryBytes)
  if (chargedMemoryBytes !== undefined) writeDouble(writer, tags.chargedMemoryBytes, chargedMemoryBytes)
  if (throttledMs !== undefined) writeDouble(writer, tags.throttledMs, throttledMs)
  if (overheadMemoryBytes !== undefined) writeDouble(writer, tags.overheadMemoryBytes, overheadMemoryBytes)
  endMessage(writer, start)
}

function writeRunning(writer: ByteWriter, tag: number, running: RunningExecution): void {
  const { executionId, attempt, startedAtUnixMs, lastSeenUnixMs } = running
  const tags = runningTags
  const start = beginMessage(writer, tag)
  if (executionId !== '') writeText(writer, tags.executionId, executionId)
  if (attempt !== 0) writeVarint(writer, tags.attempt, attempt)
  writeFeatures(writer, tags.features, running.features)
  writeLabels(writer, tags.labels, running.labels)
  writeResources(writer, tags.requested, running.requested)
  writeResources(writer, tags.allocated, running.allocated)
  writeResources(writer, tags.peak, running.peak)
  if (startedAtUnixMs !== undefined) writeDouble(writer, tags.startedAtUnixMs, startedAtUnixMs)
  if (lastSeenUnixMs !== undefined) writeDouble(writer, tags.lastSeenUnixMs, lastSeenUnixMs)
  endMessage(writer, start)
}

function writeAccuracy(writer: ByteWriter, tag: number, entry: StrategyAccuracy): void {
  const tags = accuracyTags
  const start = beginMessage(writer, tag)
  if (entry.strategy !== '') writeText(writer, tags.strategy, entry.strategy)
  if (entry.variant !== '') writeText(writer, tags.variant, entry.variant)
  writeVarint(writer, tags.dimension, dimensionEnum.toWire(entry.dimension))
  writeSet(writer, tags.executions, entry.executions)
  writeSet(writer, tags.weight, entry.weight)
  writeSet(writer, tags.coverage, entry.coverage)
  writeSet(writer, tags.relativeError, entry.relativeError)
  writeSet(writer, tags.wastage, entry.wastage)
  writeSet(writer, tags.brier, entry.brier)
  writeSet(writer, tags.meanConfidence, entry.meanConfidence)
  writeSet(writer, tags.weightSquares, entry.weightSquares)
  writeSet(writer, tags.relativeErrorVariance, entry.relativeErrorVariance)
  writeSet(writer, tags.cost, entry.cost)
  writeSet(writer, tags.costVariance, entry.costVariance)
  writeCalibration(writer, tags.calibration, entry.calibration)
  if (entry.total !== undefined) writeTotal(writer, tags.total, entry.total)
  endMessage(writer, start)
}

function writeTotal(writer: ByteWriter, tag: number, figures: AccuracyFigures): void {
  const tags = totalTags
  const start = beginMessage(writer, tag)
  writeSet(writer, tags.weight, figures.weight)
  writeSet(writer, tags.weightSquares, figures.weightSquares)
  writeSet(writer, tags.coverage, figures.coverage)
  writeSet(writer, tags.relativeError, figures.relativeError)
  writeSet(writer, tags.relativeErrorVariance, figures.relativeErrorVariance)
  writeSet(writer, tags.wastage, figures.wastage)
  writeSet(writer, tags.cost, figures.cost)
  writeSet(writer, tags.costVariance, figures.costVariance)
  writeSet(writer, tags.brier, figures.brier)
  writeSet(writer, tags.meanConfidence, figures.meanConfidence)
  writeCalibration(writer, tags.calibration, figures.calibration)
  endMessage(writer, start)
}

function writeCalibration(writer: ByteWriter, tag: number, bins: readonly CalibrationBin[]): void {
  for (const { bin, weight, confidence, coverage } of bins) {
    const start = beginMessage(writer, tag)
    if (bin !== 0) writeVarint(writer, binTags.bin, bin)
    writeSet(writer, binTags.weight, weight)
    writeSet(writer, binTags.confidence, confidence)
    writeSet(writer, binTags.coverage, coverage)
    endMessage(writer, start)
  }
}

/** A double that is not written where it is 0. */
function writeSet(writer: ByteWriter, tag: number, value: number): void {
  if (value !== 0) writeDouble(writer, tag, value)
}

function doublesOf(values: Float64Array): Uint8Array {
  if (endianness() === 'LE') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return Buffer.from(values.slice().buffer).swap64()
}
