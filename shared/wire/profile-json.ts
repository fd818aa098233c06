import { nothingFolded, type Profile } from '../domain/profile.ts'
import { fromExecutionRecord } from './execution.ts'
import { ExecutionRecord } from './gen/foresize/v1/execution.ts'
import * as gen from './gen/foresize/v1/profile.ts'
import { jsonText, objectPieces } from './json-text.ts'
import { mergedSteps } from './message-pieces.ts'
import { fromProfile } from './profile.ts'

/** A profile as a value of proto3 JSON, its fields in order of their numbers, an execution a step. */
export function* profileJsonSteps(profile: Profile): Generator<undefined, Readonly<Record<string, unknown>>> {
  const { executions, running } = profile
  const rest = fromProfile({ ...profile, executions: [], running: [], folded: nothingFolded })
  const { accuracy, members, ...first } = gen.Profile.toJSON(rest) as Record<string, unknown>
  const written = { executions: [] as unknown[], running: [] as unknown[] }
  for (const record of executions) {
    yield
    written.executions.push(ExecutionRecord.toJSON(fromExecutionRecord(record)))
  }
  for (const each of running) {
    yield
    written.running.push(gen.RunningExecution.toJSON(each))
  }
  const { folded } = gen.Profile.toJSON({ ...rest, folded: [...profile.folded] }) as Record<string, unknown>
  const lists = { ...written, folded, accuracy, members }
  return { ...first, ...Object.fromEntries(Object.entries(lists).filter(isThere)) }
}

const isThere = ([, list]: readonly [string, unknown]) => Array.isArray(list) && list.length > 0

/** The same as a line of text. */
export function* profileLineSteps(profile: Profile): Generator<undefined, Buffer> {
  const parts: Buffer[] = []
  for (const part of jsonText(yield* profileJsonSteps(profile))) {
    yield
    parts.push(Buffer.from(part))
  }
  return Buffer.concat([...parts, Buffer.from('\n')])
}

/** The message of a value of proto3 JSON, an entry of a list a step. Throws: Error where it is none. */
export function* profileFromJson(value: unknown): Generator<undefined, gen.Profile> {
  return (yield* mergedSteps(objectPieces(value), gen.Profile.fromJSON)) as gen.Profile
}
