import { BinaryWriter } from '@bufbuild/protobuf/wire'
import type { Violation } from '../../shared/domain/errors.ts'
import { fromEstimate, fromNotice } from '../../shared/wire/estimate.ts'
import {
  EstimateResult,
  EstimatorServiceService,
  Estimate as WireEstimate,
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

/** Numbers of fields in proto/foresize/v1. Law: test/unit/estimator/estimate-bytes.test.ts. */
const estimateField = 1
const resultsField = 1
const stalenessField = 9
const noticesField = 12
const [fixed64, lengthDelimited] = [1, 2]

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

/** Keeps its buffer, which a new one would have to grow for each estimate. */
let writer = new BinaryWriter()

function encoded(estimate: Answer): Uint8Array {
  const before = encodedEstimates.get(estimate)
  if (before !== undefined) return before
  const message = fromEstimate(withReason(estimate), 0)
  try {
    const bytes = WireEstimate.encode(message, writer).finish()
    if (encodedEstimates.has(estimate)) encodedEstimates.set(estimate, bytes)
    return bytes
  } catch (error) {
    writer = new BinaryWriter()
    throw error
  }
}

/** The fields of an Estimate that tell the age of the view. Protobuf appends to `notices` what is encoded behind it. */
function encodedAge({ stalenessMs, stale }: ViewAge): Buffer {
  const notice = stale && WireNotice.encode(fromNotice(stale)).finish()
  const size = 1 + 8 + (notice === undefined ? 0 : sizeOfHead(notice.length) + notice.length)
  const fields = Buffer.allocUnsafe(size)
  fields[0] = (stalenessField << 3) | fixed64
  const at = fields.writeDoubleLE(stalenessMs, 1)
  if (notice !== undefined) fields.set(notice, writeHead(fields, at, noticesField, notice.length))
  return fields
}

/** An EstimateResponse; an EstimateResult with an estimate is the same bytes. */
function encodeAnswered(answered: Answered): Buffer {
  const bytes = encoded(answered.estimate)
  const age = encodedAge(answered)
  const message = Buffer.allocUnsafe(sizeOfAnswer(bytes, age))
  writeAnswer(message, 0, bytes, age)
  return message
}

/** An EstimateBatchResponse, a result a step. */
export function* encodeBatch(answered: BatchAnswered): Generator<undefined, Buffer> {
  const age = encodedAge(answered)
  let size = 0
  const parts: { readonly isAnswer: boolean; readonly bytes: Uint8Array; readonly length: number }[] = []
  for (const result of answered.results) {
    yield
    const isAnswer = !('violations' in result)
    const bytes = isAnswer
      ? encoded(result)
      : EstimateResult.encode({ result: { $case: 'rejection', value: result } }).finish()
    const length = isAnswer ? sizeOfAnswer(bytes, age) : bytes.length
    size += sizeOfHead(length) + length
    parts.push({ isAnswer, bytes, length })
  }
  const message = Buffer.allocUnsafe(size)
  let at = 0
  for (const { isAnswer, bytes, length } of parts) {
    at = writeHead(message, at, resultsField, length)
    if (isAnswer) at = writeAnswer(message, at, bytes, age)
    else {
      message.set(bytes, at)
      at += bytes.length
    }
  }
  return message
}

/** The service as generated, but that estimates are sent in the bytes that are kept of them; a batch is encoded before. */
export const estimatorDefinition = {
  ...EstimatorServiceService,
  estimate: { ...EstimatorServiceService.estimate, responseSerialize: encodeAnswered },
  estimateBatch: { ...EstimatorServiceService.estimateBatch, responseSerialize: (bytes: Buffer) => bytes },
} as const

function sizeOfAnswer(bytes: Uint8Array, age: Uint8Array): number {
  const length = bytes.length + age.length
  return sizeOfHead(length) + length
}

/** Returns where it ends, as `writeHead` does. */
function writeAnswer(message: Buffer, start: number, bytes: Uint8Array, age: Uint8Array): number {
  const at = writeHead(message, start, estimateField, bytes.length + age.length)
  message.set(bytes, at)
  message.set(age, at + bytes.length)
  return at + bytes.length + age.length
}

/** Tag and length of a field whose number is below 16. */
function writeHead(message: Buffer, start: number, field: number, length: number): number {
  let at = start
  message[at++] = (field << 3) | lengthDelimited
  let rest = length
  while (rest > 0x7f) {
    message[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  message[at++] = rest
  return at
}

function sizeOfHead(length: number): number {
  let size = 2
  for (let rest = length; rest > 0x7f; rest >>>= 7) size++
  return size
}
