import { endianness } from 'node:os'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import type { ExecutionRecord } from '../domain/execution.ts'
import { nothingFolded, type Profile } from '../domain/profile.ts'
import { atOnce } from '../runtime/turns.ts'
import { fromExecutionRecord } from './execution.ts'
import * as execution from './gen/foresize/v1/execution.ts'
import * as gen from './gen/foresize/v1/profile.ts'
import { mergePiece, messagePieces } from './message-pieces.ts'
import { fromProfile } from './profile.ts'

const executionsTag = (8 << 3) | 2
const foldedTag = (10 << 3) | 2

/** The bytes of a profile: what is stored, exported and sent. The same profile gives the same bytes. */
export const encodeProfile = (profile: Profile): Buffer => atOnce(profileByteSteps(profile))

/** The same, an entry that has to be encoded a step. */
export const profileByteSteps = (profile: Profile): Generator<undefined, Buffer> =>
  written((writer) => writeProfile(profile, writer))

/**
 * The same into a writer.
 * Law: the bytes of the generated encoder, test/unit/wire/profile-bytes.test.ts.
 */
export function* writeProfile(profile: Profile, writer: BinaryWriter): Generator<undefined, void> {
  const { executions, running, folded } = profile
  const rest = fromProfile({ ...profile, executions: [], running: [], folded: nothingFolded })
  gen.Profile.encode({ ...rest, accuracy: [], members: [] }, writer)
  for (const record of executions) {
    const known = encodedRecords.get(record)
    if (known === undefined) yield
    writer.raw(known ?? encodeRecord(record))
  }
  for (const each of running) {
    yield
    gen.Profile.encode({ ...nothing, running: [each] }, writer)
  }
  if (folded.length > 0) writer.uint32(foldedTag).bytes(doublesOf(folded))
  gen.Profile.encode({ ...nothing, accuracy: rest.accuracy, members: rest.members }, writer)
}

/** The bytes of a message, as those of its profile. */
export const messageByteSteps = (message: gen.Profile): Generator<undefined, Buffer> =>
  written(function* (writer) {
    const { executions, running, folded, accuracy, members } = message
    gen.Profile.encode({ ...message, ...noLists }, writer)
    for (const each of executions) {
      yield
      gen.Profile.encode({ ...nothing, executions: [each] }, writer)
    }
    for (const each of running) {
      yield
      gen.Profile.encode({ ...nothing, running: [each] }, writer)
    }
    gen.Profile.encode({ ...nothing, folded, accuracy, members }, writer)
  })

const noLists = { executions: [], running: [], folded: [], accuracy: [], members: [] }

/**
 * The message of encoded bytes, a piece of it a step.
 * Throws: Error where the bytes are not well formed.
 */
export function* decodeSteps(bytes: Uint8Array): Generator<undefined, gen.Profile> {
  let message: gen.Profile | undefined
  for (const piece of messagePieces(bytes)) {
    yield
    const part = gen.Profile.decode(piece)
    if (message === undefined) message = part
    else mergePiece(message, part)
  }
  return message ?? nothing
}

/** An execution stays in its profile for up to 96 folds: its field is encoded once [of a profile: 130 µs without, 30 µs with]. */
const encodedRecords = new WeakMap<ExecutionRecord, Uint8Array>()

function encodeRecord(record: ExecutionRecord): Uint8Array {
  const writer = writers.pop() ?? new BinaryWriter()
  execution.ExecutionRecord.encode(fromExecutionRecord(record), writer.uint32(executionsTag).fork()).join()
  const encoded = Buffer.from(writer.finish())
  writers.push(writer)
  encodedRecords.set(record, encoded)
  return encoded
}

/** Writers keep the room that they have once needed. */
const writers: BinaryWriter[] = []

/** What is written, in bytes of its own. */
export function* written(
  write: (writer: BinaryWriter) => Generator<undefined, void>,
): Generator<undefined, Buffer> {
  const writer = writers.pop() ?? new BinaryWriter()
  yield* write(writer)
  const bytes = writer.finish()
  // One that has thrown is not taken back: it holds half a message.
  writers.push(writer)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
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

function doublesOf(values: Float64Array): Uint8Array {
  if (endianness() === 'LE') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return Buffer.from(values.slice().buffer).swap64()
}
