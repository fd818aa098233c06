import { endianness } from 'node:os'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import type { ExecutionRecord } from '../domain/execution.ts'
import type { Profile } from '../domain/profile.ts'
import { atOnce } from '../runtime/turns.ts'
import { dimensionEnum, outcomeEnum } from './enums.ts'
import { fromExecutionRecord } from './execution.ts'
import * as execution from './gen/foresize/v1/execution.ts'
import * as gen from './gen/foresize/v1/profile.ts'
import { mergedSteps, messagePieces } from './message-pieces.ts'
import { fromAccuracy, fromMember, fromProfileKey } from './profile.ts'

/** The bytes of a profile: what is stored, exported and sent. The same profile gives the same bytes. */
export const encodeProfile = (profile: Profile): Buffer => atOnce(profileByteSteps(profile))

/** The same in steps. */
export const profileByteSteps = (profile: Profile): Generator<undefined, Buffer> =>
  written((writer) => writeProfile(profile, writer))

const lengthDelimited = (field: number) => (field << 3) | 2

const tags = {
  key: lengthDelimited(1),
  outcomes: lengthDelimited(6),
  statistics: lengthDelimited(7),
  executions: lengthDelimited(8),
  running: lengthDelimited(9),
  folded: lengthDelimited(10),
  accuracy: lengthDelimited(11),
  members: lengthDelimited(12),
}

/**
 * The same into a writer, each part from the domain's value: a message of all of it would be made for each commit.
 * Law: the bytes of the generated encoder, test/unit/wire/profile-bytes.test.ts.
 * @param writeExecution `writeOnce` where nobody will ask for these executions soon again.
 */
export function* writeProfile(
  profile: Profile,
  writer: BinaryWriter,
  writeExecution = writeKept,
): Generator<undefined, void> {
  const { schemaVersion, revision, firstSeenUnixMs, lastSeenUnixMs, folded } = profile
  gen.ProfileKey.encode(fromProfileKey(profile.key), writer.uint32(tags.key).fork()).join()
  gen.Profile.encode({ ...nothing, schemaVersion, revision, firstSeenUnixMs, lastSeenUnixMs }, writer)
  for (const { outcome, count } of profile.outcomes) {
    const message = { outcome: outcomeEnum.toWire(outcome), count }
    gen.OutcomeCount.encode(message, writer.uint32(tags.outcomes).fork()).join()
  }
  for (const entry of profile.statistics) {
    const message = { ...entry, dimension: dimensionEnum.toWire(entry.dimension) }
    gen.DimensionStatistics.encode(message, writer.uint32(tags.statistics).fork()).join()
  }
  for (const [i, record] of profile.executions.entries()) {
    if (i % entriesAStep === 0) yield
    writeExecution(record, writer)
  }
  for (const [i, running] of profile.running.entries()) {
    if (i % entriesAStep === 0) yield
    gen.RunningExecution.encode(running, writer.uint32(tags.running).fork()).join()
  }
  if (folded.length > 0) writer.uint32(tags.folded).bytes(doublesOf(folded))
  for (const entry of profile.accuracy)
    gen.StrategyAccuracy.encode(fromAccuracy(entry), writer.uint32(tags.accuracy).fork()).join()
  for (const member of profile.members)
    gen.CohortMember.encode(fromMember(member), writer.uint32(tags.members).fork()).join()
}

/** One of the largest takes 0.1 ms; a step for each of the small ones would be a fifth of what they cost. */
const entriesAStep = 8

export function writeOnce(record: ExecutionRecord, writer: BinaryWriter): void {
  execution.ExecutionRecord.encode(fromExecutionRecord(record), writer.uint32(tags.executions).fork()).join()
}

/**
 * An execution stays in its profile for up to 96 folds: for watchers, who are sent the whole profile with each change, it is
 * encoded once [of a profile: 130 µs without, 30 µs with; to keep it takes three times as long as to encode it].
 */
function writeKept(record: ExecutionRecord, writer: BinaryWriter): void {
  let encoded = encodedRecords.get(record)
  if (encoded === undefined) {
    const own = takeWriter()
    writeOnce(record, own)
    encoded = finished(own)
    encodedRecords.set(record, encoded)
  }
  writer.raw(encoded)
}

const encodedRecords = new WeakMap<ExecutionRecord, Uint8Array>()

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
  return (yield* mergedSteps(messagePieces(bytes), (piece) => gen.Profile.decode(piece))) ?? nothing
}

/** Writers keep the room that they have once needed; so many of them are kept. */
const writers: BinaryWriter[] = []
const mostWriters = 16

/** What is written, in bytes of its own. */
export function* written(
  write: (writer: BinaryWriter) => Generator<undefined, void>,
): Generator<undefined, Buffer> {
  const writer = takeWriter()
  yield* write(writer)
  return finished(writer)
}

const takeWriter = () => writers.pop() ?? new BinaryWriter()

/** One that has thrown is not taken back: it holds half a message. */
function finished(writer: BinaryWriter): Buffer {
  const bytes = writer.finish()
  if (writers.length < mostWriters) writers.push(writer)
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
