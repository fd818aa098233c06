import type { DimensionEstimate, Estimate, StrategyPrediction } from '../domain/estimate.ts'
import { dimensions, type Resources } from '../domain/resources.ts'
import {
  type ByteWriter,
  beginMessage,
  dropMessage,
  endMessage,
  writeBytes,
  writeDouble,
  writePacked,
  writeText,
  writeVarint,
} from './byte-writer.ts'
import { clampKindEnum, dimensionEnum, estimateSourceEnum } from './enums.ts'
import { fromNotice } from './estimate.ts'
import { Clamp, Notice } from './gen/foresize/v1/estimator_service.ts'
import { limits } from './limits.ts'

/** Tags: of a field its number × 8 + the type on the wire, which is 0 for whole numbers, 1 for doubles, 2 for what has a length. */
const estimateTags = {
  resources: 0x0a,
  confidence: 0x11,
  source: 0x18,
  reason: 0x22,
  dimensions: 0x2a,
  estimateToken: 0x32,
  profileRevision: 0x38,
  executions: 0x41,
  variant: 0x52,
  variantByExecution: 0x58,
  notices: 0x62,
} as const
const dimensionTags = {
  dimension: 0x08,
  allocation: 0x11,
  expected: 0x19,
  lower: 0x21,
  upper: 0x29,
  confidence: 0x31,
  source: 0x38,
  strategy: 0x42,
  predictions: 0x4a,
  clamps: 0x52,
  overhead: 0x59,
  failurePrice: 0x61,
  tailChance: 0x69,
} as const
const predictionTags = { strategy: 0x0a, value: 0x11, weight: 0x19, reason: 0x22 } as const
const tokenTags = { profileRevision: 0x08, variant: 0x12, strategies: 0x1a, dimensions: 0x22 } as const
const tokenDimensionTags = { dimension: 0x08, allocation: 0x11, confidence: 0x19, predictions: 0x22 } as const

/**
 * An estimate as it is when the view is of no age, by hand: three dozen predictions would each be a message for the generated
 * encoder.
 * Law: the bytes of the generated encoder, test/unit/wire/estimate-writer.test.ts.
 */
export function writeEstimate(writer: ByteWriter, estimate: Estimate): void {
  const { confidence, source, reason, profileRevision, executions, variant = '' } = estimate
  const tags = estimateTags
  writeResources(writer, tags.resources, estimate.resources)
  if (confidence !== 0) writeDouble(writer, tags.confidence, confidence)
  writeVarint(writer, tags.source, estimateSourceEnum.toWire(source))
  if (reason !== '') writeText(writer, tags.reason, reason)
  for (const dimension of estimate.dimensions) writeDimension(writer, tags.dimensions, dimension)
  writeToken(writer, tags.estimateToken, estimate)
  if (profileRevision !== 0) writeVarint(writer, tags.profileRevision, profileRevision)
  if (executions !== 0) writeDouble(writer, tags.executions, executions)
  if (variant !== '') writeText(writer, tags.variant, variant)
  if (estimate.variantByExecution) writeVarint(writer, tags.variantByExecution, 1)
  for (const notice of estimate.notices)
    writeEncoded(writer, tags.notices, Notice.encode(fromNotice(notice)).finish())
}

function writeResources(writer: ByteWriter, tag: number, resources: Resources): void {
  const start = beginMessage(writer, tag)
  for (const dimension of dimensions) {
    const amount = resources[dimension]
    if (amount !== undefined) writeDouble(writer, dimensionEnum.toWire(dimension) * 8 + 1, amount)
  }
  endMessage(writer, start)
}

function writeDimension(writer: ByteWriter, tag: number, estimate: DimensionEstimate): void {
  const { allocation, expected, lower, upper, confidence, strategy = '' } = estimate
  const { overhead, failurePrice, tailChance } = estimate
  const tags = dimensionTags
  const start = beginMessage(writer, tag)
  writeVarint(writer, tags.dimension, dimensionEnum.toWire(estimate.dimension))
  if (allocation !== 0) writeDouble(writer, tags.allocation, allocation)
  if (expected !== 0) writeDouble(writer, tags.expected, expected)
  if (lower !== 0) writeDouble(writer, tags.lower, lower)
  if (upper !== 0) writeDouble(writer, tags.upper, upper)
  if (confidence !== 0) writeDouble(writer, tags.confidence, confidence)
  writeVarint(writer, tags.source, estimateSourceEnum.toWire(estimate.source))
  if (strategy !== '') writeText(writer, tags.strategy, strategy)
  for (const prediction of estimate.predictions) writePrediction(writer, tags.predictions, prediction)
  for (const clamp of estimate.clamps) {
    const message = { ...clamp, kind: clampKindEnum.toWire(clamp.kind) }
    writeEncoded(writer, tags.clamps, Clamp.encode(message).finish())
  }
  if (overhead !== undefined) writeDouble(writer, tags.overhead, overhead)
  if (failurePrice !== undefined) writeDouble(writer, tags.failurePrice, failurePrice)
  if (tailChance !== undefined) writeDouble(writer, tags.tailChance, tailChance)
  endMessage(writer, start)
}

function writePrediction(
  writer: ByteWriter,
  tag: number,
  { strategy, value, weight, reason = '' }: StrategyPrediction,
): void {
  const tags = predictionTags
  const start = beginMessage(writer, tag)
  if (strategy !== '') writeText(writer, tags.strategy, strategy)
  if (value !== undefined) writeDouble(writer, tags.value, value)
  if (weight !== 0) writeDouble(writer, tags.weight, weight)
  if (reason !== '') writeText(writer, tags.reason, reason)
  endMessage(writer, start)
}

function writeEncoded(writer: ByteWriter, tag: number, encoded: Uint8Array): void {
  const start = beginMessage(writer, tag)
  writeBytes(writer, encoded)
  endMessage(writer, start)
}

/**
 * An EstimateToken: what the profiler scores; its services/profiler/estimate-token.ts reads it. Left out where it would not fit:
 * an estimate without a score is better than one that is refused.
 */
function writeToken(
  writer: ByteWriter,
  tag: number,
  { profileRevision, variant = '', dimensions: estimates }: Estimate,
): void {
  const tags = tokenTags
  const strategies = strategiesOf(estimates)
  const start = beginMessage(writer, tag)
  if (profileRevision !== 0) writeVarint(writer, tags.profileRevision, profileRevision)
  if (variant !== '') writeText(writer, tags.variant, variant)
  for (const strategy of strategies) writeText(writer, tags.strategies, strategy)
  for (const estimate of estimates) writeTokenDimension(writer, tags.dimensions, estimate, strategies)
  const length = writer.at - start
  if (length === 0 || length > limits.estimateTokenBytes) dropMessage(writer, start)
  else endMessage(writer, start)
}

function writeTokenDimension(
  writer: ByteWriter,
  tag: number,
  { dimension, allocation, overhead = 0, confidence, predictions }: DimensionEstimate,
  strategies: readonly string[],
): void {
  const tags = tokenDimensionTags
  // What is measured is the task alone, and so is what it is scored by.
  const ofTask = allocation - overhead
  const start = beginMessage(writer, tag)
  writeVarint(writer, tags.dimension, dimensionEnum.toWire(dimension))
  if (ofTask !== 0) writeDouble(writer, tags.allocation, ofTask)
  if (confidence !== 0) writeDouble(writer, tags.confidence, confidence)
  if (strategies.length > 0) {
    const packed = beginMessage(writer, tags.predictions)
    for (let i = 0; i < strategies.length; i++)
      writePacked(writer, predictedBy(predictions, strategies[i] as string, i))
    endMessage(writer, packed)
  }
  endMessage(writer, start)
}

/** In the order first named. Mostly each dimension names all of them, in the same order. */
function strategiesOf(estimates: Estimate['dimensions']): readonly string[] {
  const strategies = estimates[0]?.predictions.map(({ strategy }) => strategy) ?? []
  const areAll = estimates.every(
    ({ predictions }) =>
      predictions.length === strategies.length &&
      predictions.every(({ strategy }, i) => strategy === strategies[i]),
  )
  if (areAll) return strategies
  return [...new Set(estimates.flatMap(({ predictions }) => predictions.map(({ strategy }) => strategy)))]
}

/** What a strategy predicts, mostly at that place; 0 where it abstained. */
function predictedBy(predictions: readonly StrategyPrediction[], strategy: string, place: number): number {
  const there = predictions[place]
  const prediction = there?.strategy === strategy ? there : predictions.find((p) => p.strategy === strategy)
  return prediction?.value ?? 0
}
