import { BinaryReader } from '@bufbuild/protobuf/wire'
import { outcomes } from '../../shared/domain/execution.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import { profileLimits } from '../../shared/domain/profile-limits.ts'
import { dimensions } from '../../shared/domain/resources.ts'
import { csvCell } from '../../shared/domain/text.ts'
import { contractRegistry } from '../../shared/rpc/contract.ts'
import { wireNames } from '../../shared/wire/fields.ts'
import * as gen from '../../shared/wire/gen/foresize/v1/profile.ts'
import { checkJsonBounds } from '../../shared/wire/json-bounds.ts'
import { messageBounds } from '../../shared/wire/message-bounds.ts'
import { fromProfile } from '../../shared/wire/profile.ts'
import { encodeProfile } from '../../shared/wire/profile-bytes.ts'
import { utf8Text } from '../../shared/wire/utf8.ts'
import { DamagedRecord } from './envelope.ts'
import { typicalUse } from './summary.ts'

export const profileFormats = ['protobuf', 'json-lines', 'csv-summary'] as const

/** Format of a file of profiles. */
export type ProfileFormat = (typeof profileFormats)[number]

/** What stands before the first profile of a file. */
export function headOf(format: ProfileFormat): Uint8Array {
  return format === 'csv-summary' ? Buffer.from(`${csvColumns.join(',')}\n`) : Buffer.alloc(0)
}

/** One profile as it stands in a file. */
export function formatProfile(profile: Profile, format: ProfileFormat): Uint8Array {
  switch (format) {
    case 'protobuf': {
      const message = encodeProfile(profile)
      return Buffer.concat([varint(message.length), message])
    }
    case 'json-lines':
      return Buffer.from(`${JSON.stringify(gen.Profile.toJSON(fromProfile(profile)))}\n`)
    case 'csv-summary':
      return Buffer.from(`${csvRow(profile).map(cellOf).join(',')}\n`)
  }
}

/** One profile of a file, or why it cannot be read. */
export type ReadProfile = { readonly message: gen.Profile } | { readonly error: string }

/**
 * Reads a file that comes in pieces of any size. Holds no more than one profile and one piece.
 * Law: pieces that are small cost no more than one that is large: what is there is looked at once a profile may be whole.
 * Throws: DamagedRecord where nothing after it can be read either.
 */
export function profileReader(format: Exclude<ProfileFormat, 'csv-summary'>) {
  const isText = format === 'json-lines'
  const decode = isText ? decodeLine : messageDecoder()
  let buffer = Buffer.alloc(0)
  let length = 0
  /** Of a message: bytes that have to be there. */
  let wanted = 0

  function append(data: Uint8Array): void {
    if (length + data.length > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, length + data.length))
      buffer.copy(larger, 0, 0, length)
      buffer = larger
    }
    buffer.set(data, length)
    length += data.length
  }

  /** The profiles that are whole. What follows them moves to the front. */
  function* whole(): Generator<Buffer> {
    const bytes = buffer.subarray(0, length)
    const next = isText ? nextLine : nextMessage
    let at = 0
    for (;;) {
      while (bytes[at] === (isText ? newline : 0)) at += 1
      const found = next(bytes, at)
      wanted = found.end - at
      if (found.end > length) break
      yield bytes.subarray(found.from, found.end)
      at = found.end
    }
    length = bytes.copy(buffer, 0, at)
  }

  return {
    *push(data: Uint8Array): Generator<ReadProfile> {
      append(data)
      if (isText ? data.includes(newline) : length >= wanted) {
        for (const content of whole()) yield readProfile(content, decode)
      }
      if (length > profileLimits.bytes)
        throw new DamagedRecord(`a profile is longer than ${profileLimits.bytes} bytes`)
    },
    /** What is left when the file ends. */
    *end(): Generator<ReadProfile> {
      if (length === 0) return
      if (isText) yield readProfile(buffer.subarray(0, length), decode)
      else throw new DamagedRecord('the file ends within a profile')
    },
  }
}

/** Where the content of the next profile begins and ends, which may be beyond what has come. */
interface Found {
  readonly from: number
  readonly end: number
}

const newline = 0x0a

function nextLine(bytes: Buffer, from: number): Found {
  const end = bytes.indexOf(newline, from)
  return { from, end: end < 0 ? Number.POSITIVE_INFINITY : end }
}

/** Bytes of the length before a profile: five reach beyond `profileLimits.bytes`. */
const maxLengthBytes = 5

function nextMessage(bytes: Buffer, from: number): Found {
  let length = 0
  for (let i = 0; from + i < bytes.length; i++) {
    if (i === maxLengthBytes) throw new DamagedRecord('the length of a profile does not end')
    const byte = bytes[from + i] as number
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (length > profileLimits.bytes) throw new DamagedRecord(`a profile claims ${length} bytes`)
    if (byte < 0x80) return { from: from + i + 1, end: from + i + 1 + length }
  }
  return { from, end: bytes.length + 1 }
}

type ProfileDecoder = (content: Buffer) => gen.Profile

function readProfile(content: Buffer, decode: ProfileDecoder): ReadProfile {
  try {
    return { message: decode(content) }
  } catch (error) {
    return { error: `is no profile: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function messageDecoder(): ProfileDecoder {
  const type = contractRegistry().getMessage('foresize.v1.Profile')
  if (type === undefined) throw new Error('the contract has no profile')
  const bounds = messageBounds(type)
  return (content) => {
    bounds()(content)
    return gen.Profile.decode(new BinaryReader(content, utf8Text))
  }
}

const decodeLine: ProfileDecoder = (content) => {
  checkJsonBounds(content)
  return gen.Profile.fromJSON(JSON.parse(content.toString()))
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}

const figures = ['mean', 'median', 'p95', 'max'] as const

const csvColumns = [
  'namespace',
  'kind',
  'task',
  'revision',
  'first_seen',
  'last_seen',
  ...outcomes.map((outcome) => outcome.replaceAll('-', '_')),
  ...dimensions.flatMap((dimension) => figures.map((figure) => `${wireNames[dimension]}_${figure}`)),
]

function csvRow(profile: Profile): readonly (string | number | undefined)[] {
  const { key, revision, firstSeenUnixMs, lastSeenUnixMs } = profile
  const { median, p95, max } = typicalUse(profile)
  const means = new Map(
    profile.statistics.map(({ dimension, mean, weight }) => [dimension, weight > 0 ? mean : undefined]),
  )
  return [
    key.namespace,
    key.kind,
    key.task,
    revision,
    new Date(firstSeenUnixMs).toISOString(),
    new Date(lastSeenUnixMs).toISOString(),
    ...outcomes.map((outcome) => profile.outcomes.find((entry) => entry.outcome === outcome)?.count ?? 0),
    ...dimensions.flatMap((dimension) => [
      means.get(dimension),
      median[dimension],
      p95[dimension],
      max[dimension],
    ]),
  ]
}

const cellOf = (value: string | number | undefined): string =>
  typeof value === 'string' ? csvCell(value) : String(value ?? '')
