import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { atOnce } from '../domain/at-once.ts'
import type { Profile } from '../domain/profile.ts'
import { type ByteWriter, byteWriter, takeWritten } from './byte-writer.ts'
import * as gen from './gen/foresize/v1/profile.ts'
import { mergedSteps, messagePieces } from './message-pieces.ts'
import { writeProfile } from './profile-writer.ts'

/** The bytes of a profile: what is stored, exported and sent. The same profile gives the same bytes. */
export const encodeProfile = (profile: Profile): Buffer => atOnce(profileByteSteps(profile))

/** The same in steps. */
export const profileByteSteps = (profile: Profile): Generator<undefined, Buffer> =>
  written((writer) => writeProfile(profile, writer))

/** The bytes of a message, as those of its profile. */
export function* messageByteSteps(message: gen.Profile): Generator<undefined, Buffer> {
  const { executions, running, folded, accuracy, members } = message
  const writer = gen.Profile.encode({ ...message, ...noLists }, new BinaryWriter())
  for (const each of executions) {
    yield
    gen.Profile.encode({ ...nothing, executions: [each] }, writer)
  }
  for (const each of running) {
    yield
    gen.Profile.encode({ ...nothing, running: [each] }, writer)
  }
  const { buffer, byteOffset, length } = gen.Profile.encode(
    { ...nothing, folded, accuracy, members },
    writer,
  ).finish()
  return Buffer.from(buffer, byteOffset, length)
}

const noLists = { executions: [], running: [], folded: [], accuracy: [], members: [] }

/**
 * The message of encoded bytes, a piece of it a step.
 * Throws: Error where the bytes are not well formed.
 */
export function* decodeSteps(bytes: Uint8Array): Generator<undefined, gen.Profile> {
  return (yield* mergedSteps(messagePieces(bytes), (piece) => gen.Profile.decode(piece))) ?? nothing
}

/** Writers keep the room that they have once needed; so many of them are kept. */
const writers: ByteWriter[] = []
const mostWriters = 16

/** What is written, in bytes of its own. A writer that has thrown holds half a message, and is not taken back. */
export function* written(
  write: (writer: ByteWriter) => Generator<undefined, void>,
): Generator<undefined, Buffer> {
  const writer = writers.pop() ?? byteWriter()
  yield* write(writer)
  const bytes = takeWritten(writer)
  if (writers.length < mostWriters) writers.push(writer)
  return bytes
}

const nothing: gen.Profile = {
  key: undefined,
  schemaVersion: 0,
  revision: 0,
  firstSeenUnixMs: 0,
  lastSeenUnixMs: 0,
  outcomes: [],
  statistics: [],
  executions: [],
  running: [],
  folded: [],
  accuracy: [],
  members: [],
}
