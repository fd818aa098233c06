import { crc32 } from 'node:zlib'
import type { Profile } from '../../../shared/domain/profile.ts'
import { profileLimits } from '../../../shared/domain/profile-limits.ts'
import { inTurns } from '../../../shared/runtime/turns.ts'
import { readJson } from '../../../shared/wire/json-steps.ts'
import { messageByteSteps, profileByteSteps } from '../../../shared/wire/profile-bytes.ts'
import { profileFromJson as messageFromJson, profileJsonSteps } from '../../../shared/wire/profile-json.ts'
import { DamagedRecord, openPlainProfile, refuseNewer } from '../envelope.ts'

const format = 'foresize-profile'

/** A profile as readable JSON: proto3 JSON of foresize.v1.Profile, and the CRC-32 of the same in protobuf. */
export async function profileToJson(profile: Profile): Promise<string> {
  const { schemaVersion } = profile
  const head = { format, schemaVersion, crc32: crc32(await inTurns(profileByteSteps(profile))) }
  return `${JSON.stringify(head).slice(0, -1)},"profile":${await inTurns(lineSteps(profile))}}\n`
}

/** Rejects: DamagedRecord; ForesizeError `unsupported` where it was written by a newer program. */
export async function profileFromJson(content: Uint8Array): Promise<Profile> {
  const stored = await parse(content)
  const { schemaVersion } = stored
  if (stored.format !== format || typeof schemaVersion !== 'number')
    throw new DamagedRecord(`it is no ${format}`)
  let plain: Uint8Array
  try {
    const message = await inTurns(messageFromJson(stored.profile))
    if (message.schemaVersion !== schemaVersion) throw new RangeError('two schema versions are named')
    plain = await inTurns(messageByteSteps(message))
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

async function parse(content: Uint8Array): Promise<Stored> {
  try {
    const value = await inTurns(readJson(content, profileLimits.bytes))
    return typeof value === 'object' && value !== null ? value : {}
  } catch (error) {
    throw new DamagedRecord('it is no JSON', { cause: error })
  }
}

/** One line a field, and one an entry of a list of messages. */
function* lineSteps(profile: Profile): Generator<undefined, string> {
  const fields: string[] = []
  for (const [name, value] of Object.entries(yield* profileJsonSteps(profile))) {
    const isList = Array.isArray(value) && typeof value[0] === 'object'
    const entries: string[] = []
    for (const entry of isList ? value : []) {
      yield
      entries.push(JSON.stringify(entry))
    }
    const text = isList ? `[\n    ${entries.join(',\n    ')}]` : JSON.stringify(value)
    fields.push(`  ${JSON.stringify(name)}: ${text}`)
  }
  return `{\n${fields.join(',\n')}\n}`
}
