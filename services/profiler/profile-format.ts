import { outcomes } from '../../shared/domain/execution.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import { profileLimits } from '../../shared/domain/profile-limits.ts'
import { dimensions } from '../../shared/domain/resources.ts'
import { csvCell } from '../../shared/domain/text.ts'
import { contractRegistry } from '../../shared/rpc/contract.ts'
import { requestReader } from '../../shared/rpc/request-reader.ts'
import { inTurns } from '../../shared/runtime/turns.ts'
import { wireNames } from '../../shared/wire/fields.ts'
import * as gen from '../../shared/wire/gen/foresize/v1/profile.ts'
import { readJson } from '../../shared/wire/json-steps.ts'
import { profileByteSteps } from '../../shared/wire/profile-bytes.ts'
import { profileFromJson, profileLineSteps } from '../../shared/wire/profile-json.ts'
import { DamagedRecord } from './envelope.ts'
import { typicalUse } from './summary.ts'

export const profileFormats = ['protobuf', 'json-lines', 'csv-summary'] as const

/** Format of a file of profiles. */
export type ProfileFormat = (typeof profileFormats)[number]

/** What stands before the first profile of a file. */
export function headOf(format: ProfileFormat): Uint8Array {
  return format === 'csv-summary' ? Buffer.from(`${csvColumns.join(',')}\n`) : Buffer.alloc(0)
}

/** One profile as it stands in a file. A large one takes turns. */
export async function formatProfile(profile: Profile, format: ProfileFormat): Promise<Uint8Array> {
  switch (format) {
    case 'protobuf': {
      const message = await inTurns(profileByteSteps(profile))
      return Buffer.concat([varint(message.length), message])
    }
    case 'json-lines':
      return inTurns(profileLineSteps(profile))
    case 'csv-summary':
      return Buffer.from(`${csvRow(profile).map(cellOf).join(',')}\n`)
  }
}

/** One profile of a file, or why it cannot be read. */
export type ReadProfile = { readonly message: gen.Profile } | { readonly error: string }

/**
 * Finds the profiles of a file that comes in pieces of any size. Holds no more than one profile and one piece. What it yields
 * is overwritten once it goes on.
 * Law: pieces that are small cost no more than one that is large: what is there is looked at once a profile may be whole.
 * Throws: DamagedRecord where nothing after it can be read either.
 */
export function profileReader(format: Exclude<ProfileFormat, 'csv-summary'>) {
  const isText = format === 'json-lines'
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
    *push(data: Uint8Array): Generator<Buffer> {
      append(data)
      if (isText ? data.includes(newline) : length >= wanted) yield* whole()
      if (length > profileLimits.bytes)
        throw new DamagedRecord(`a profile is longer than ${profileLimits.bytes} bytes`)
    },
    /** What is left when the file ends. */
    *end(): Generator<Buffer> {
      if (length === 0) return
      if (isText) yield buffer.subarray(0, length)
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

/** Reads what stands in a file for one profile. A large one takes turns. */
export function profileDecoder(
  format: Exclude<ProfileFormat, 'csv-summary'>,
): (content: Buffer) => Promise<ReadProfile> {
  const decode = format === 'json-lines' ? decodeLine : messageDecoder()
  return async (content) => {
    try {
      return { message: await decode(content) }
    } catch (error) {
      return { error: `is no profile: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
}

function messageDecoder(): (content: Buffer) => Promise<gen.Profile> {
  const type = contractRegistry().getMessage('foresize.v1.Profile')
  if (type === undefined) throw new Error('the contract has no profile')
  const read = requestReader(type, gen.Profile.decode)
  return async (content) => (await read(content)) as gen.Profile
}

const decodeLine = (content: Buffer): Promise<gen.Profile> =>
  inTurns(
    (function* () {
      return yield* profileFromJson(yield* readJson(content))
    })(),
  )

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
