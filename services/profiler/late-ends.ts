import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { changedParts, nothingWritten } from './checkpoint.ts'
import type { SessionCheckpoint } from './store.ts'

export interface LateEndSettings {
  /** An execution that was closed as lost may still be told how it ended for so long; 0 is never. Default 1 hour. */
  readonly lateEndGraceMs: number
  /** Sessions kept: beyond it a lost execution is not. */
  readonly maxSessions: number
}

const prefix = 'late:'

/** The session that holds a lost execution until its grace is over. */
export const lateSessionOf = (executionId: string) => `${prefix}${executionId}`

export const isLateSession = (sessionId: string) => sessionId.startsWith(prefix)

/** Made durable with the loss itself: any replica can take the late end, and upkeep forgets it after the grace. */
export async function lateSession(
  lost: ExecutionRecord,
  nowUnixMs: number,
  graceMs: number,
): Promise<SessionCheckpoint> {
  const { used, outcome: _, source: __, measured: ___, endedAtUnixMs: ____, ...start } = lost
  const { cpuCores = 0, durationMs = 0, ...peak } = used
  const cpuMeasuredMs = used.cpuCores === undefined ? 0 : durationMs
  const totals = { elapsedMs: durationMs, cpuCoreMs: cpuCores * cpuMeasuredMs, cpuMeasuredMs, peak }
  const execution = {
    start,
    leaseMs: graceMs,
    startedUnixMs: nowUnixMs,
    lastSeenUnixMs: nowUnixMs,
    totals,
  }
  const changes = new Map([[start.executionId, { before: undefined, after: execution }]])
  const state = { sequence: 1, lastActiveUnixMs: nowUnixMs }
  // It is not open any more: it counts among the sessions alone.
  const parts = await changedParts(nothingWritten, [changes], state, () => ({}))
  return { version: 1, owner: '', dueUnixMs: nowUnixMs + graceMs, parts }
}
