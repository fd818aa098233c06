import { BinaryReader } from '@bufbuild/protobuf/wire'
import { ExecutionEnd, ExecutionStart, type UsageSamples } from './gen/foresize/v1/execution.ts'
import { OpenSession, type StreamUsageRequest, type UsageBatch } from './gen/foresize/v1/profiler_service.ts'

/** Tags: of a field its number × 8 + the type on the wire, which is 0 for whole numbers, 2 for what has a length. */
const requestTags = { open: 0x0a, batch: 0x12 } as const
const batchTags = { sequence: 0x08, starts: 0x12, samples: 0x1a, ends: 0x22 } as const
const executionIdTag = 0x0a
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
 * A StreamUsageRequest whose samples are read by hand: the generated decoder adds number by number to lists that grow.
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
    else if (tag === batchTags.starts) starts.push(readWithin(reader, ExecutionStart.decode))
    else if (tag === batchTags.samples) samples.push(readWithin(reader, readSamples))
    else if (tag === batchTags.ends) ends.push(readWithin(reader, ExecutionEnd.decode))
    else skip(reader, tag)
  }
  return { sequence, starts, samples, ends }
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
    if (tag === executionIdTag) executionId = reader.string()
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
  if (reader.pos !== end) throw new RangeError('a message does not end where it says')
  return value
}

/** A field that is not known. */
function skip(reader: BinaryReader, tag: number): void {
  if (tag >>> 3 === 0) throw new RangeError('a field has the number 0')
  reader.skip(tag & 7)
}

/** Where a field ends that has a length. */
function endOf(reader: BinaryReader): number {
  const length = reader.uint32()
  if (reader.pos + length > reader.len) throw new RangeError('a field ends beyond its message')
  return reader.pos + length
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
