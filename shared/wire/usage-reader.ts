import { BinaryReader } from '@bufbuild/protobuf/wire'
import {
  type ExecutionEnd,
  type ExecutionStart,
  Measured,
  type TaskKey,
  type UsageSamples,
} from './gen/foresize/v1/execution.ts'
import { OpenSession, type StreamUsageRequest, type UsageBatch } from './gen/foresize/v1/profiler_service.ts'
import type { Resources } from './gen/foresize/v1/resources.ts'
import { entryTags, resourceTags, taskTags } from './tags.ts'

/** Tags: of a field its number × 8 + the type on the wire, which is 0 for whole numbers, 2 for what has a length. */
const requestTags = { open: 0x0a, batch: 0x12 } as const
const batchTags = { sequence: 0x08, starts: 0x12, samples: 0x1a, ends: 0x22 } as const
const executionIdTag = 0x0a
const startTags = {
  task: 0x12,
  attempt: 0x18,
  features: 0x22,
  labels: 0x2a,
  requested: 0x32,
  allocated: 0x3a,
  estimateToken: 0x42,
  weight: 0x49,
  leaseMs: 0x50,
} as const
const endTags = { outcome: 0x10, used: 0x1a, source: 0x20, measured: 0x2a } as const
/** Numbers of the fields: each may come as a packed list or number by number. */
const columns = [
  undefined,
  undefined,
  'elapsedDeltaMs',
  'cpuCores',
  'memoryBytes',
  'diskBytes',
  'gpuMemoryBytes',
] as const

type Columns = Omit<UsageSamples, 'executionId'>
type Column = keyof Columns

/**
 * A StreamUsageRequest whose events are read by hand: the generated decoder adds number by number to lists that grow, and
 * makes a buffer for the token of each start, an object for each entry of a map.
 * Law: what the generated decoder makes of it, test/unit/wire/usage-reader.test.ts.
 * Throws: Error where the bytes are not well formed.
 */
export function readStreamUsage(input: BinaryReader | Uint8Array): StreamUsageRequest {
  const reader = input instanceof BinaryReader ? input : new BinaryReader(input)
  let message: StreamUsageRequest['message']
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === requestTags.open) message = { $case: 'open', value: readWithin(reader, OpenSession.decode) }
    else if (tag === requestTags.batch) message = { $case: 'batch', value: readWithin(reader, readBatch) }
    else skip(reader, tag)
  }
  return { message }
}

function readBatch(reader: BinaryReader, length: number): UsageBatch {
  const end = reader.pos + length
  let sequence = 0
  const starts: ExecutionStart[] = []
  const samples: UsageSamples[] = []
  const ends: ExecutionEnd[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === batchTags.sequence) sequence = reader.uint32()
    else if (tag === batchTags.starts) starts.push(readWithin(reader, readStart))
    else if (tag === batchTags.samples) samples.push(readWithin(reader, readSamples))
    else if (tag === batchTags.ends) ends.push(readWithin(reader, readEnd))
    else skip(reader, tag)
  }
  return { sequence, starts, samples, ends }
}

function readStart(reader: BinaryReader, length: number): ExecutionStart {
  const end = reader.pos + length
  const tags = startTags
  let executionId = ''
  let task: ExecutionStart['task']
  let attempt = 0
  const features: Record<string, number> = {}
  const labels: Record<string, string> = {}
  let requested: Resources | undefined
  let allocated: Resources | undefined
  let estimateToken = noToken
  let weight = 0
  let leaseMs = 0
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === executionIdTag) executionId = readText(reader)
    else if (tag === tags.task) task = readWithin(reader, readTask)
    else if (tag === tags.attempt) attempt = reader.uint32()
    else if (tag === tags.features) readFeature(reader, features)
    else if (tag === tags.labels) readLabel(reader, labels)
    else if (tag === tags.requested) requested = readWithin(reader, readResources)
    else if (tag === tags.allocated) allocated = readWithin(reader, readResources)
    else if (tag === tags.estimateToken) estimateToken = Buffer.from(reader.bytes())
    else if (tag === tags.weight) weight = reader.double()
    else if (tag === tags.leaseMs) leaseMs = reader.uint32()
    else skip(reader, tag)
  }
  return {
    executionId,
    task,
    attempt,
    features,
    labels,
    requested,
    allocated,
    estimateToken,
    weight,
    leaseMs,
  }
}

const noToken = Buffer.alloc(0)

function readEnd(reader: BinaryReader, length: number): ExecutionEnd {
  const end = reader.pos + length
  let executionId = ''
  let outcome: ExecutionEnd['outcome'] = 0
  let used: Resources | undefined
  let source: ExecutionEnd['source'] = 0
  let measured: Measured | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === executionIdTag) executionId = readText(reader)
    else if (tag === endTags.outcome) outcome = reader.int32() as ExecutionEnd['outcome']
    else if (tag === endTags.used) used = readWithin(reader, readResources)
    else if (tag === endTags.source) source = reader.int32() as ExecutionEnd['source']
    else if (tag === endTags.measured) measured = readWithin(reader, Measured.decode)
    else skip(reader, tag)
  }
  return { executionId, outcome, used, source, measured }
}

function readTask(reader: BinaryReader, length: number): TaskKey {
  const end = reader.pos + length
  let namespace = ''
  let task = ''
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === taskTags.namespace) namespace = readText(reader)
    else if (tag === taskTags.task) task = readText(reader)
    else skip(reader, tag)
  }
  return { namespace, task }
}

function readFeature(reader: BinaryReader, features: Record<string, number>): void {
  const end = endOf(reader)
  let key = ''
  let value = 0
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === entryTags.key) key = readText(reader)
    else if (tag === entryTags.number) value = reader.double()
    else skip(reader, tag)
  }
  checkEnd(reader, end)
  features[key] = value
}

function readLabel(reader: BinaryReader, labels: Record<string, string>): void {
  const end = endOf(reader)
  let key = ''
  let value = ''
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === entryTags.key) key = readText(reader)
    else if (tag === entryTags.text) value = readText(reader)
    else skip(reader, tag)
  }
  checkEnd(reader, end)
  labels[key] = value
}

function readResources(reader: BinaryReader, length: number): Resources {
  const end = reader.pos + length
  const tags = resourceTags
  let cpuCores: number | undefined
  let memoryBytes: number | undefined
  let diskBytes: number | undefined
  let gpuMemoryBytes: number | undefined
  let durationMs: number | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === tags.cpuCores) cpuCores = reader.double()
    else if (tag === tags.memoryBytes) memoryBytes = reader.double()
    else if (tag === tags.diskBytes) diskBytes = reader.double()
    else if (tag === tags.gpuMemoryBytes) gpuMemoryBytes = reader.double()
    else if (tag === tags.durationMs) durationMs = reader.double()
    else skip(reader, tag)
  }
  return { cpuCores, memoryBytes, diskBytes, gpuMemoryBytes, durationMs }
}

function readSamples(reader: BinaryReader, length: number): UsageSamples {
  const end = reader.pos + length
  let executionId = ''
  const read: Record<Column, number[]> = {
    elapsedDeltaMs: [],
    cpuCores: [],
    memoryBytes: [],
    diskBytes: [],
    gpuMemoryBytes: [],
  }
  while (reader.pos < end) {
    const tag = reader.uint32()
    const column = columns[tag >>> 3]
    if (tag === executionIdTag) executionId = readText(reader)
    else if (column === undefined) skip(reader, tag)
    else if ((tag & 7) === 2) {
      const values = column === 'elapsedDeltaMs' ? readWholes(reader) : readDoubles(reader)
      if (read[column].length === 0) read[column] = values
      else for (const value of values) read[column].push(value)
    } else if (column === 'elapsedDeltaMs' && (tag & 7) === 0) read[column].push(reader.uint32())
    else if (column !== 'elapsedDeltaMs' && (tag & 7) === 1) read[column].push(reader.double())
    else skip(reader, tag)
  }
  return { executionId, ...read }
}

/** What a reader keeps to itself: `bytes()` would make a view for each list. */
interface ReaderBytes {
  readonly buf: Uint8Array
  readonly view: DataView
}

const bytesOf = (reader: BinaryReader) => reader as unknown as ReaderBytes

/** A message within the one that is read. What does not end where it says would be read into the field behind it. */
function readWithin<T>(reader: BinaryReader, read: (reader: BinaryReader, length: number) => T): T {
  const end = endOf(reader)
  const value = read(reader, end - reader.pos)
  checkEnd(reader, end)
  return value
}

function checkEnd(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a message does not end where it says')
}

/** A field that is not known. That of a group would end at a tag, which may lie beyond the message. */
function skip(reader: BinaryReader, tag: number): void {
  if (tag < 8 || (tag & 7) === 3) throw new RangeError('a field has the number 0, or is a group')
  reader.skip(tag & 7)
}

/** Where a field ends that has a length. */
function endOf(reader: BinaryReader): number {
  const length = reader.uint32()
  if (reader.pos + length > reader.len) throw new RangeError('a field ends beyond its message')
  return reader.pos + length
}

/** Without the list of its characters that `string()` makes. */
function readText(reader: BinaryReader): string {
  const begin = reader.pos
  const end = endOf(reader)
  const { buf } = bytesOf(reader)
  let at = reader.pos
  while (at < end && (buf[at] as number) < 0x80) at++
  if (at < end || !Buffer.isBuffer(buf)) {
    reader.pos = begin
    return reader.string()
  }
  const text = buf.toString('latin1', reader.pos, end)
  reader.pos = end
  return text
}

function readDoubles(reader: BinaryReader): number[] {
  const end = endOf(reader)
  const { view } = bytesOf(reader)
  const length = (end - reader.pos) / Float64Array.BYTES_PER_ELEMENT
  if (!Number.isInteger(length)) throw new RangeError('a list of doubles ends within one')
  const values = new Array<number>(length)
  for (let i = 0, at = reader.pos; i < length; i++, at += 8) values[i] = view.getFloat64(at, true)
  reader.pos = end
  return values
}

function readWholes(reader: BinaryReader): number[] {
  const end = endOf(reader)
  const { buf } = bytesOf(reader)
  let length = 0
  for (let at = reader.pos; at < end; at++) if ((buf[at] as number) < 0x80) length += 1
  const values = new Array<number>(length)
  for (let i = 0; i < length; i++) values[i] = reader.uint32()
  if (reader.pos !== end) throw new RangeError('a list of whole numbers ends within one')
  return values
}
