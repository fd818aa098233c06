import { outcomes } from '../../shared/domain/execution.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import { profileLimits } from '../../shared/domain/profile-limits.ts'
import { dimensions } from '../../shared/domain/resources.ts'
import { csvCell } from '../../shared/domain/text.ts'
import { wireNames } from '../../shared/wire/fields.ts'
import * as gen from '../../shared/wire/gen/foresize/v1/profile.ts'
import { fromProfile } from '../../shared/wire/profile.ts'
import { encodeProfile } from '../../shared/wire/profile-bytes.ts'
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
 * Throws: DamagedRecord where nothing after it can be read either.
 */
export function profileReader(format: Exclude<ProfileFormat, 'csv-summary'>) {
  let rest: Buffer = Buffer.alloc(0)
  const next = format === 'protobuf' ? nextMessage : nextLine
  return {
    *push(data: Uint8Array): Generator<ReadProfile> {
      rest = rest.length === 0 ? Buffer.from(data) : Buffer.concat([rest, data])
      for (let found = next(rest); found; found = next(rest)) {
        rest = rest.subarray(found.end)
        if (found.content.length > 0) yield readProfile(found.content, format)
      }
      if (rest.length > profileLimits.bytes)
        throw new DamagedRecord(`a profile is longer than ${profileLimits.bytes} bytes`)
    },
    /** What is left when the file ends. */
    *end(): Generator<ReadProfile> {
      if (rest.length === 0) return
      if (format === 'json-lines') yield readProfile(rest, format)
      else throw new DamagedRecord('the file ends within a profile')
    },
  }
}

interface Found {
  readonly content: Buffer
  readonly end: number
}

function nextLine(bytes: Buffer): Found | undefined {
  const end = bytes.indexOf(0x0a)
  return end < 0 ? undefined : { content: bytes.subarray(0, end), end: end + 1 }
}

/** Bytes of the length before a profile: five reach beyond `profileLimits.bytes`. */
const maxLengthBytes = 5

function nextMessage(bytes: Buffer): Found | undefined {
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    if (at === maxLengthBytes) throw new DamagedRecord('the length of a profile does not end')
    const byte = bytes[at] as number
    length += (byte & 0x7f) * 2 ** (7 * at)
    if (length > profileLimits.bytes) throw new DamagedRecord(`a profile claims ${length} bytes`)
    if (byte >= 0x80) continue
    const end = at + 1 + length
    return end > bytes.length ? undefined : { content: bytes.subarray(at + 1, end), end }
  }
  return undefined
}

function readProfile(content: Buffer, format: Exclude<ProfileFormat, 'csv-summary'>): ReadProfile {
  try {
    if (format === 'protobuf') return { message: gen.Profile.decode(content) }
    return { message: gen.Profile.fromJSON(JSON.parse(content.toString())) }
  } catch (error) {
    return { error: `is no profile: ${error instanceof Error ? error.message : String(error)}` }
  }
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
