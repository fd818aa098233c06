import { crc32 } from 'node:zlib'
import type { ExecutionStart } from '../../shared/domain/execution.ts'
import { fromExecutionStart, toExecutionStart, toLeaseMs } from '../../shared/wire/execution.ts'
import { SessionState, StoredSession } from '../../shared/wire/gen/foresize/internal/v1/session.ts'
import * as gen from '../../shared/wire/gen/foresize/v1/execution.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import type { OpenExecution, Session } from './domain/session.ts'
import { DamagedRecord } from './envelope.ts'
import type { SessionCheckpoint } from './store.ts'

const everyNamespace = '*'

/** Starts do not change while checkpoints are written over and over. */
const encodedStarts = new WeakMap<ExecutionStart, Uint8Array>()

export function encodeSession({ sequence, lastActiveUnixMs, open, scope }: Session): Uint8Array {
  const executions = [...open.values()].map((execution) => ({
    start: encodeStart(execution) as Buffer,
    startedUnixMs: execution.startedUnixMs,
    heardUnixMs: execution.heardUnixMs,
    ...execution.totals,
  }))
  return SessionState.encode({
    sequence,
    lastActiveUnixMs,
    open: executions,
    scope: scope === 'all' ? [everyNamespace] : [...(scope ?? [])],
  }).finish()
}

/** Throws: DamagedRecord. */
export function decodeSession(bytes: Uint8Array): Session {
  try {
    const { sequence, lastActiveUnixMs, open, scope } = SessionState.decode(bytes)
    return {
      scope: scope[0] === everyNamespace ? 'all' : scope.length > 0 ? scope : undefined,
      sequence,
      lastActiveUnixMs,
      open: new Map(
        open.map(({ start: encoded, startedUnixMs, heardUnixMs, peak, ...totals }) => {
          const message = gen.ExecutionStart.decode(encoded)
          const start = inspect((seen) => toExecutionStart(message, '', seen))
          const leaseMs = inspect((seen) => toLeaseMs(message, '', seen))
          return [
            start.executionId,
            { start, leaseMs, startedUnixMs, heardUnixMs, totals: { ...totals, peak: peak ?? {} } },
          ]
        }),
      ),
    }
  } catch (error) {
    throw new DamagedRecord('the session cannot be read', { cause: error })
  }
}

function encodeStart({ start, leaseMs }: OpenExecution): Uint8Array {
  const known = encodedStarts.get(start)
  if (known) return known
  const encoded = gen.ExecutionStart.encode(fromExecutionStart(start, leaseMs)).finish()
  encodedStarts.set(start, encoded)
  return encoded
}

/** A checkpoint as it lies on a medium: CRC-32 and message. */
export function sealCheckpoint(checkpoint: SessionCheckpoint): Buffer {
  const message = StoredSession.encode({ ...checkpoint, state: checkpoint.state as Buffer }).finish()
  const sealed = Buffer.allocUnsafeSlow(4 + message.length)
  sealed.writeUInt32LE(crc32(message), 0)
  sealed.set(message, 4)
  return sealed
}

/** Throws: DamagedRecord. */
export function openCheckpoint(bytes: Uint8Array): SessionCheckpoint {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const message = sealed.subarray(4)
  if (sealed.length < 4 || sealed.readUInt32LE(0) !== crc32(message)) {
    throw new DamagedRecord('the checksum of a session does not match')
  }
  try {
    return StoredSession.decode(message)
  } catch (error) {
    throw new DamagedRecord('the session cannot be read', { cause: error })
  }
}
