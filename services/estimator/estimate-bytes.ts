import type { Violation } from '../../shared/domain/errors.ts'
import {
  type ByteWriter,
  beginMessage,
  byteWriter,
  endMessage,
  takeWritten,
  writeBytes,
  writeDouble,
} from '../../shared/wire/byte-writer.ts'
import { fromNotice } from '../../shared/wire/estimate.ts'
import { writeEstimate } from '../../shared/wire/estimate-writer.ts'
import {
  EstimateResult,
  EstimatorServiceService,
  Notice as WireNotice,
} from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import type { Answer } from './domain/estimate/estimate.ts'
import type { ViewAge } from './estimator.ts'
import { withReason } from './reason-text.ts'

/** An estimate, and the age of the view that it came from. */
export interface Answered extends ViewAge {
  readonly estimate: Answer
}

/** What became of the queries of a batch. */
export interface BatchAnswered extends ViewAge {
  readonly results: readonly (Answer | Rejection)[]
}

export interface Rejection {
  readonly violations: readonly Violation[]
}

/** Tags of fields in proto/foresize/v1. Law: test/unit/estimator/estimate-bytes.test.ts. */
const estimateTag = 0x0a
const resultsTag = 0x0a
const stalenessTag = 0x49
const noticesTag = 0x62

/**
 * Estimates that are kept to be given again are encoded once: all but the age of the view is the same [12 µs before, 0.5 µs
 * now]. Undefined until they are given. Others are not looked for again, and a weak map of all would be most of the work of
 * the garbage collector.
 */
const encodedEstimates = new WeakMap<Answer, Uint8Array | undefined>()

/** Its bytes are kept from the first time that it is given. */
export function keepBytesOf(estimate: Answer): void {
  encodedEstimates.set(estimate, undefined)
}

/** One that has a buffer already, which a new one would have to grow for each answer. */
let spare: ByteWriter | undefined

/** An EstimateResponse; an EstimateResult with an estimate is the same bytes. */
function encodeAnswered(answered: Answered): Buffer {
  const writer = spare ?? byteWriter()
  spare = undefined
  writeAnswer(writer, answered.estimate, answered)
  spare = writer
  return takeWritten(writer)
}

/** An EstimateBatchResponse, a result a step: others are written between them. */
export function* encodeBatch({ results, ...age }: BatchAnswered): Generator<undefined, Buffer> {
  const writer = spare ?? byteWriter()
  spare = undefined
  for (const result of results) {
    yield
    const start = beginMessage(writer, resultsTag)
    if ('violations' in result) writeBytes(writer, encodedRejection(result))
    else writeAnswer(writer, result, age)
    endMessage(writer, start)
  }
  spare = writer
  return takeWritten(writer)
}

const encodedRejection = (value: Rejection): Uint8Array =>
  EstimateResult.encode({ result: { $case: 'rejection', value } }).finish()

/** Protobuf appends to `notices` what is written behind the rest. */
function writeAnswer(writer: ByteWriter, estimate: Answer, { stalenessMs, stale }: ViewAge): void {
  const start = beginMessage(writer, estimateTag)
  const before = encodedEstimates.get(estimate)
  if (before === undefined) writeEstimate(writer, withReason(estimate))
  else writeBytes(writer, before)
  if (before === undefined && encodedEstimates.has(estimate))
    encodedEstimates.set(estimate, Buffer.from(writer.bytes.subarray(start, writer.at)))
  writeDouble(writer, stalenessTag, stalenessMs)
  if (stale !== undefined) {
    const notice = beginMessage(writer, noticesTag)
    writeBytes(writer, WireNotice.encode(fromNotice(stale)).finish())
    endMessage(writer, notice)
  }
  endMessage(writer, start)
}

/** The service as generated, but that estimates are sent in the bytes that are kept of them; a batch is encoded before. */
export const estimatorDefinition = {
  ...EstimatorServiceService,
  estimate: { ...EstimatorServiceService.estimate, responseSerialize: encodeAnswered },
  estimateBatch: { ...EstimatorServiceService.estimateBatch, responseSerialize: (bytes: Buffer) => bytes },
} as const
