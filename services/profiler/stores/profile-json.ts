import { crc32 } from 'node:zlib'
import type { Profile } from '../../../shared/domain/profile.ts'
import * as gen from '../../../shared/wire/gen/foresize/v1/profile.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import { DamagedRecord, openPlainProfile, refuseNewer } from '../envelope.ts'

const format = 'foresize-profile'

/** A profile as readable JSON: proto3 JSON of foresize.v1.Profile, and the CRC-32 of the same in protobuf. */
export function profileToJson(profile: Profile): string {
  const { schemaVersion } = profile
  const head = { format, schemaVersion, crc32: crc32(encodeProfile(profile)) }
  return `${JSON.stringify(head).slice(0, -1)},"profile":${lines(gen.Profile.toJSON(fromProfile(profile)))}}\n`
}

/** Throws: DamagedRecord; ForesizeError `unsupported` where it was written by a newer program. */
export function profileFromJson(text: string): Profile {
  const stored = parse(text)
  const { schemaVersion } = stored
  if (stored.format !== format || typeof schemaVersion !== 'number')
    throw new DamagedRecord(`it is no ${format}`)
  let plain: Uint8Array
  try {
    const message = gen.Profile.fromJSON(stored.profile)
    if (message.schemaVersion !== schemaVersion) throw new RangeError('two schema versions are named')
    plain = gen.Profile.encode(message).finish()
  } catch (error) {
    throw new DamagedRecord('the payload is no profile', { cause: error })
  }
  if (crc32(plain) !== stored.crc32) {
    // A newer program may have written fields that are unknown here, and with them another checksum.
    refuseNewer(schemaVersion)
    throw new DamagedRecord('the checksum does not match')
  }
  return openPlainProfile(plain, schemaVersion)
}

interface Stored {
  readonly format?: unknown
  readonly schemaVersion?: unknown
  readonly crc32?: unknown
  readonly profile?: unknown
}

function parse(text: string): Stored {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch (error) {
    throw new DamagedRecord('it is no JSON', { cause: error })
  }
}

/** One line a field, and one an entry of a list of messages. */
function lines(message: unknown): string {
  const fields = Object.entries(message as Record<string, unknown>).map(([name, value]) => {
    const isList = Array.isArray(value) && typeof value[0] === 'object'
    const text = isList
      ? `[\n    ${value.map((entry) => JSON.stringify(entry)).join(',\n    ')}]`
      : JSON.stringify(value)
    return `  ${JSON.stringify(name)}: ${text}`
  })
  return `{\n${fields.join(',\n')}\n}`
}
