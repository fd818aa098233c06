import { promisify } from 'node:util'
import {
  constants,
  crc32,
  deflate,
  deflateSync,
  inflate,
  inflateSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import { atOnce } from '../../shared/domain/at-once.ts'
import { ForesizeError } from '../../shared/domain/errors.ts'
import { type Profile, profileSchemaVersion } from '../../shared/domain/profile.ts'
import { profileLimits } from '../../shared/domain/profile-limits.ts'
import { inTurns } from '../../shared/runtime/turns.ts'
import { writeBytes } from '../../shared/wire/byte-writer.ts'
import { inspectSteps } from '../../shared/wire/inspection.ts'
import { pieceBytes } from '../../shared/wire/message-pieces.ts'
import { profileSteps } from '../../shared/wire/profile.ts'
import { decodeSteps, profileByteSteps, written } from '../../shared/wire/profile-bytes.ts'
import { entriesAStep, writeProfile } from '../../shared/wire/profile-writer.ts'
import { migrate } from './migrations.ts'

export const codecs = ['none', 'zlib', 'zstd'] as const

/** How the payload of a stored profile is compressed. */
export type Codec = (typeof codecs)[number]

/** What is stored cannot be read: torn, flipped, or not ours. Whoever reads puts it aside and goes on. */
export class DamagedRecord extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DamagedRecord'
  }
}

/*
 * Stored form of a profile, little endian:
 * 0 magic "FSZP" | 4 envelope version | 5 codec | 6 schema version u16 | 8 last seen, Unix ms f64 |
 * 16 payload length before compression u32 | 20 CRC-32 of bytes 0 to 19 and the payload u32 | 24 payload
 */
const magic = 0x505a5346
const envelopeVersion = 1
const headerBytes = 24

export async function sealProfile(profile: Profile, codec: Codec): Promise<Buffer> {
  const plain = await inTurns(profileByteSteps(profile))
  const payload = await compress(plain, codec)
  // Not from the pool: a record that is kept would keep 8 KiB of it.
  const sealed = Buffer.allocUnsafeSlow(headerBytes + payload.length)
  sealed.set(payload, headerBytes)
  writeHeader(sealed, profile, codec, plain.length)
  return sealed
}

/** Plain, and behind so many bytes that are left to whoever asks; at once where it is one step to write. */
export function sealBehind(roomBytes: number, profile: Profile): Buffer | Promise<Buffer> {
  const head = new Uint8Array(roomBytes + headerBytes)
  const steps = written((writer) => {
    writeBytes(writer, head)
    return writeProfile(profile, writer)
  })
  const headed = (whole: Buffer) => {
    writeHeader(whole.subarray(roomBytes), profile, 'none', whole.length - head.length)
    return whole
  }
  const isOneStep = profile.executions.length + profile.running.length <= entriesAStep
  return isOneStep ? headed(atOnce(steps)) : inTurns(steps).then(headed)
}

/** Before the payload, which is there already. */
function writeHeader(sealed: Buffer, profile: Profile, codec: Codec, plainBytes: number): void {
  sealed.writeUInt32LE(magic, 0)
  sealed.writeUInt8(envelopeVersion, 4)
  sealed.writeUInt8(codecs.indexOf(codec), 5)
  sealed.writeUInt16LE(profile.schemaVersion, 6)
  sealed.writeDoubleLE(profile.lastSeenUnixMs, 8)
  sealed.writeUInt32LE(plainBytes, 16)
  sealed.writeUInt32LE(checksumOf(sealed), 20)
}

/**
 * A large one takes turns, as it does to seal it.
 * Rejects: DamagedRecord; ForesizeError `unsupported` where it was written by a newer program.
 */
export async function openProfile(bytes: Uint8Array): Promise<Profile> {
  const sealed = asBuffer(bytes)
  const { codec, schemaVersion, plainBytes } = readHeader(sealed)
  checkChecksum(sealed)
  let plain: Uint8Array
  try {
    const unpacked = decompress(sealed.subarray(headerBytes), codec, plainBytes)
    plain = unpacked instanceof Promise ? await unpacked : unpacked
  } catch (error) {
    throw new DamagedRecord('the payload does not decompress', { cause: error })
  }
  if (plain.length !== plainBytes) throw new DamagedRecord('the payload has another length than stated')
  return openPlainProfile(plain, schemaVersion)
}

/** Rejects as `openProfile`. */
export async function openPlainProfile(plain: Uint8Array, schemaVersion: number): Promise<Profile> {
  refuseNewer(schemaVersion)
  try {
    const steps = openSteps(plain, schemaVersion)
    return plain.length <= pieceBytes ? atOnce(steps) : await inTurns(steps)
  } catch (error) {
    if (error instanceof ForesizeError && error.failure === 'unsupported') throw error
    throw new DamagedRecord('the payload is no profile', { cause: error })
  }
}

function* openSteps(plain: Uint8Array, schemaVersion: number): Generator<undefined, Profile> {
  const message = migrate(yield* decodeSteps(plain), schemaVersion)
  return yield* inspectSteps((seen) => profileSteps(message, '', seen))
}

/** The checksum that a sealed profile bears: it tells one from another. Throws: DamagedRecord. */
export function checksumIn(sealed: Uint8Array): number {
  if (sealed.length < headerBytes) throw new DamagedRecord(`${sealed.length} bytes are too few`)
  return asBuffer(sealed).readUInt32LE(20)
}

/** Without opening it. Throws as `openProfile`, but may not see damage. */
export function lastSeenOf(bytes: Uint8Array): number {
  const sealed = asBuffer(bytes)
  const { schemaVersion } = readHeader(sealed)
  if (schemaVersion > profileSchemaVersion) {
    checkChecksum(sealed)
    refuseNewer(schemaVersion)
  }
  return sealed.readDoubleLE(8)
}

export function refuseNewer(schemaVersion: number): void {
  if (schemaVersion <= profileSchemaVersion) return
  throw new ForesizeError(
    'unsupported',
    `a stored profile has schema version ${schemaVersion}, this program reads up to ${profileSchemaVersion}`,
  )
}

function readHeader(sealed: Buffer): { codec: Codec; schemaVersion: number; plainBytes: number } {
  if (sealed.length < headerBytes) throw new DamagedRecord(`${sealed.length} bytes are too few`)
  if (sealed.readUInt32LE(0) !== magic) throw new DamagedRecord('it does not begin with FSZP')
  const version = sealed.readUInt8(4)
  if (version !== envelopeVersion) throw new DamagedRecord(`there is no envelope version ${version}`)
  const codec = codecs[sealed.readUInt8(5)]
  if (codec === undefined) throw new DamagedRecord(`there is no codec ${sealed.readUInt8(5)}`)
  const plainBytes = sealed.readUInt32LE(16)
  // Guards against a bomb.
  if (plainBytes > profileLimits.bytes) throw new DamagedRecord(`it claims ${plainBytes} bytes`)
  return { codec, schemaVersion: sealed.readUInt16LE(6), plainBytes }
}

function checkChecksum(sealed: Buffer): void {
  if (sealed.readUInt32LE(20) !== checksumOf(sealed)) throw new DamagedRecord('the checksum does not match')
}

function checksumOf(sealed: Buffer): number {
  return crc32(sealed.subarray(headerBytes), crc32(sealed.subarray(0, 20)))
}

/** A window no larger than a profile: the default one costs more to set up than the compression [217 µs against 67]. */
const zstdParams = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: 15 }

/** More than so many bytes are compressed beside the event loop; of fewer the way there costs more. */
const compressedHere = 256 * 1024

const aside = {
  deflate: promisify(deflate),
  inflate: promisify(inflate),
  zstdCompress: promisify(zstdCompress),
  zstdDecompress: promisify(zstdDecompress),
}

function compress(plain: Uint8Array, codec: Codec): Uint8Array | Promise<Uint8Array> {
  const isShort = plain.length <= compressedHere
  switch (codec) {
    case 'none':
      return plain
    case 'zlib':
      return isShort ? deflateSync(plain, { level: 1 }) : aside.deflate(plain, { level: 1 })
    case 'zstd': {
      const options = { params: zstdParams }
      return isShort ? zstdCompressSync(plain, options) : aside.zstdCompress(plain, options)
    }
  }
}

function decompress(payload: Uint8Array, codec: Codec, plainBytes: number): Uint8Array | Promise<Uint8Array> {
  const isShort = plainBytes <= compressedHere
  const options = { maxOutputLength: Math.max(plainBytes, 1) }
  switch (codec) {
    case 'none':
      return payload
    case 'zlib':
      return isShort ? inflateSync(payload, options) : aside.inflate(payload, options)
    case 'zstd':
      return isShort ? zstdDecompressSync(payload, options) : aside.zstdDecompress(payload, options)
  }
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
