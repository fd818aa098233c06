import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { type ByteWriter, writeBytes } from '../../shared/wire/byte-writer.ts'
import { entriesAStep, writeExecution } from '../../shared/wire/profile-writer.ts'

/** The executions of a profile as they were sent last. */
interface Sent {
  readonly executions: readonly ExecutionRecord[]
  readonly bytes: Uint8Array
  /** Where each ends in the bytes. */
  readonly ends: readonly number[]
}

/**
 * By the newest of them. An execution stays in its profile for up to 96 folds, and watchers are sent the whole profile with
 * each change: what was sent before is copied as one piece. One piece a profile, since to keep the bytes of each execution
 * costs more than to encode it.
 */
const sent = new WeakMap<ExecutionRecord, Sent>()

/** Writes the executions of a profile for its watchers, those that are new in steps. */
export function* sentExecutionSteps(
  executions: readonly ExecutionRecord[],
  writer: ByteWriter,
): Generator<undefined, void> {
  const start = writer.at
  const ends = writeSentBefore(executions, writer)
  for (let i = ends.length; i < executions.length; i++) {
    if (i % entriesAStep === 0) yield
    writeExecution(writer, executions[i] as ExecutionRecord)
    ends.push(writer.at - start)
  }
  const newest = executions.at(-1)
  if (newest === undefined || sent.has(newest)) return
  const bytes = new Uint8Array(writer.bytes.subarray(start, writer.at))
  sent.set(newest, { executions, bytes, ends })
}

/** Returns where each of those that it has written ends. */
function writeSentBefore(executions: readonly ExecutionRecord[], writer: ByteWriter): number[] {
  const at = executions.findLastIndex((each) => sent.has(each))
  const newest = executions[at]
  if (newest === undefined) return []
  const before = sent.get(newest) as Sent
  const dropped = before.executions.length - 1 - at
  if (dropped < 0) return []
  for (let i = 0; i <= at; i++) if (executions[i] !== before.executions[dropped + i]) return []
  if (at < executions.length - 1) sent.delete(newest)
  const from = before.ends[dropped - 1] ?? 0
  writeBytes(writer, before.bytes.subarray(from))
  return before.ends.slice(dropped).map((end) => end - from)
}
