import { crc32 } from 'node:zlib'
import { turn } from '../../shared/runtime/turns.ts'
import { fromExecutionStart, toExecutionStart, toLeaseMs } from '../../shared/wire/execution.ts'
import {
  SessionState as SessionStateMessage,
  StoredExecution,
  StoredPart,
  StoredSession as StoredSessionMessage,
} from '../../shared/wire/gen/foresize/internal/v1/session.ts'
import * as gen from '../../shared/wire/gen/foresize/v1/execution.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import type { Change, Changes, OpenExecution, Session } from './domain/session.ts'
import { noUsage } from './domain/usage.ts'
import { DamagedRecord } from './envelope.ts'
import { countsOfOpen, countsOfSession, tenantOfScope } from './quotas.ts'
import type { Counts, SessionCheckpoint, SessionPart, SessionVersion, StoredSession } from './store.ts'

const everyNamespace = '*'

/** The part that holds what is left of a session without its executions. */
const statePart = ''
const startPart = (executionId: string) => `s${executionId}`
const usagePart = (executionId: string) => `u${executionId}`

/** What is stored of a session, as whoever holds it knows: only what differs from it is written. */
export interface Written {
  readonly version: number
  /** Executions that are stored otherwise than they are. */
  readonly unwritten: Changes
  /** Parts that nobody could read: the next write removes them. */
  readonly unread: readonly string[]
}

export const nothingWritten: Written = { version: 0, unwritten: new Map(), unread: [] }

/** The state of a session, without its executions. */
export type SessionState = Omit<Session, 'open'>

/**
 * The parts of a session that differ from what is stored of it.
 * Law: as many as executions that have begun, ended or been reported since, however many are open.
 * @param changes since it was written, of each execution the oldest first.
 */
export async function changedParts(
  { unwritten, unread }: Written,
  changes: readonly Changes[],
  after: SessionState,
  counts: CountsOfParts = { ofOpen: countsOfOpen, ofSession: countsOfSession(tenantOfScope(after.scope)) },
): Promise<Map<string, SessionPart | undefined>> {
  const parts = new Map<string, SessionPart | undefined>()
  for (const name of unread) parts.set(name, undefined)
  for (const [executionId, { before, after: execution }] of joined([unwritten, ...changes])) {
    if (before === execution) continue
    if (turn.isOver()) await turn.rest()
    if (execution === undefined) parts.set(startPart(executionId), undefined)
    else if (!isSameStart(before, execution)) {
      const part = { value: encodeStart(execution), counts: counts.ofOpen([execution.start]) }
      parts.set(startPart(executionId), part)
    }
    if (execution && hasUsage(execution))
      parts.set(usagePart(executionId), { value: encodeUsage(execution), counts: {} })
    else if (before && hasUsage(before)) parts.set(usagePart(executionId), undefined)
  }
  return parts.set(statePart, { value: encodeState(after), counts: counts.ofSession })
}

/** What the parts of a session count as in quotas. */
interface CountsOfParts {
  readonly ofOpen: typeof countsOfOpen
  readonly ofSession: Counts
}

/** What several changes of each execution come to. */
function joined(all: readonly Changes[]): Changes {
  const total = new Map<string, Change>()
  for (const changes of all) {
    for (const [executionId, { before, after }] of changes) {
      const first = total.get(executionId)
      total.set(executionId, { before: first ? first.before : before, after })
    }
  }
  return total
}

const isSameStart = (before: OpenExecution | undefined, { start, startedUnixMs, leaseMs }: OpenExecution) =>
  before?.start === start && before.startedUnixMs === startedUnixMs && before.leaseMs === leaseMs

/** Whether anything was reported of it since its start. */
const hasUsage = ({ totals, lastSeenUnixMs, startedUnixMs }: OpenExecution) =>
  totals !== noUsage || lastSeenUnixMs !== startedUnixMs

const encodeState = ({ sequence, lastActiveUnixMs, scope }: SessionState) =>
  SessionStateMessage.encode({
    sequence,
    lastActiveUnixMs,
    open: [],
    scope: scope === 'all' ? [everyNamespace] : [...(scope ?? [])],
  }).finish()

function encodeStart({ start, leaseMs, startedUnixMs }: OpenExecution): Uint8Array {
  const message = gen.ExecutionStart.encode(fromExecutionStart(start, leaseMs)).finish()
  return StoredExecution.encode(
    StoredExecution.fromPartial({ start: message as Buffer, startedUnixMs }),
  ).finish()
}

const encodeUsage = ({ lastSeenUnixMs, totals }: OpenExecution) =>
  StoredExecution.encode({ start: Buffer.alloc(0), startedUnixMs: 0, lastSeenUnixMs, ...totals }).finish()

/** Throws: DamagedRecord. */
export async function decodeSession(
  stored: StoredSession,
): Promise<{ readonly session: Session; readonly written: Written }> {
  const statePiece = stored.parts.get(statePart)
  if (!statePiece) throw new DamagedRecord('the session has lost its state')
  try {
    const state = SessionStateMessage.decode(statePiece.value)
    const { sequence, lastActiveUnixMs, scope } = state
    const open = new Map<string, OpenExecution>()
    for (const message of state.open) {
      if (turn.isOver()) await turn.rest()
      const execution = toOpenExecution(message, message)
      open.set(execution.start.executionId, execution)
    }
    const isWhole = open.size > 0
    for (const [name, { value }] of stored.parts) {
      if (isWhole || !name.startsWith(startPart(''))) continue
      if (turn.isOver()) await turn.rest()
      const usage = stored.parts.get(usagePart(name.slice(1)))
      const execution = toOpenExecution(
        StoredExecution.decode(value),
        usage && StoredExecution.decode(usage.value),
      )
      open.set(execution.start.executionId, execution)
    }
    const session: Session = {
      scope: scope[0] === everyNamespace ? 'all' : scope.length > 0 ? scope : undefined,
      sequence,
      lastActiveUnixMs,
      open,
    }
    const whole = isWhole ? [...open] : []
    const unwritten = new Map(whole.map(([id, after]) => [id, { before: undefined, after }]))
    return { session, written: { version: stored.version, unwritten, unread: [] } }
  } catch (error) {
    throw new DamagedRecord('the session cannot be read', { cause: error })
  }
}

/** What is written of a session that cannot be read and begins anew. */
export const writtenUnread = ({ version, parts }: StoredSession): Written => ({
  version,
  unwritten: new Map(),
  unread: [...parts.keys()],
})

function toOpenExecution(
  { start: encoded, startedUnixMs }: StoredExecution,
  usage: StoredExecution | undefined,
): OpenExecution {
  const message = gen.ExecutionStart.decode(encoded)
  const start = inspect((seen) => toExecutionStart(message, '', seen))
  const leaseMs = inspect((seen) => toLeaseMs(message, '', seen))
  if (usage === undefined)
    return { start, leaseMs, startedUnixMs, lastSeenUnixMs: startedUnixMs, totals: noUsage }
  const { lastSeenUnixMs, elapsedMs, cpuCoreMs, cpuMeasuredMs, peak = {} } = usage
  const totals = { elapsedMs, cpuCoreMs, cpuMeasuredMs, peak }
  return { start, leaseMs, startedUnixMs, lastSeenUnixMs, totals }
}

/** On a medium each piece is CRC-32 and message. */
function seal(message: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafeSlow(4 + message.length)
  sealed.writeUInt32LE(crc32(message), 0)
  sealed.set(message, 4)
  return sealed
}

/** Throws: DamagedRecord. */
function unseal<T>(bytes: Uint8Array, decode: (message: Uint8Array) => T): T {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const message = sealed.subarray(4)
  if (sealed.length < 4 || sealed.readUInt32LE(0) !== crc32(message)) {
    throw new DamagedRecord('the checksum of a session does not match')
  }
  try {
    return decode(message)
  } catch (error) {
    throw new DamagedRecord('the session cannot be read', { cause: error })
  }
}

export const sealVersion = ({ version, owner, dueUnixMs }: SessionVersion): Buffer =>
  seal(StoredSessionMessage.encode(StoredSessionMessage.fromPartial({ version, owner, dueUnixMs })).finish())

/**
 * The version alone, with the one part that an earlier program wrote.
 * Throws: DamagedRecord.
 */
export function openVersion(bytes: Uint8Array): StoredSession {
  const { version, owner, dueUnixMs, state, counts } = unseal(bytes, StoredSessionMessage.decode)
  const parts = new Map(state.length > 0 ? [[statePart, { value: state, counts }] as const] : [])
  return { version, owner, dueUnixMs, parts }
}

export const sealPart = ({ value, counts }: SessionPart): Buffer =>
  seal(StoredPart.encode({ name: '', value: value as Buffer, counts }).finish())

/** Throws: DamagedRecord. */
export const openPart = (bytes: Uint8Array): SessionPart => {
  const { value, counts } = unseal(bytes, StoredPart.decode)
  return { value, counts }
}

/** One write of a session with its name. */
export function sealCheckpoint(id: string, { version, owner, dueUnixMs, parts }: SessionCheckpoint): Buffer {
  const changed: StoredPart[] = []
  const removed: string[] = []
  for (const [name, part] of parts) {
    if (part) changed.push({ name, value: part.value as Buffer, counts: part.counts })
    else removed.push(name)
  }
  return seal(
    StoredSessionMessage.encode({
      ...{ id, version, owner, dueUnixMs, parts: changed, removed },
      ...{ state: Buffer.alloc(0), counts: {} },
    }).finish(),
  )
}

/** Throws: DamagedRecord. */
export function openCheckpoint(bytes: Uint8Array): SessionCheckpoint & { readonly id: string } {
  const { id, version, owner, dueUnixMs, parts, removed } = unseal(bytes, StoredSessionMessage.decode)
  const changed = new Map<string, SessionPart | undefined>(removed.map((name) => [name, undefined]))
  for (const { name, value, counts } of parts) changed.set(name, { value, counts })
  return { id, version, owner, dueUnixMs, parts: changed }
}
