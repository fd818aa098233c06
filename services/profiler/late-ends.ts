import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { changedParts, decodeSession, nothingWritten } from './checkpoint.ts'
import { DamagedRecord } from './envelope.ts'
import { countsOfSession, tenantOfScope } from './quotas.ts'
import type { Scope } from './room.ts'
import { placeApart } from './session-place.ts'
import type { ProfileStore, SessionCheckpoint, StoredSession } from './store.ts'

export interface LateEndSettings {
  /** An execution that was closed as lost may still be told how it ended for so long; 0 is never. Default 1 hour. */
  readonly lateEndGraceMs: number
  /** Sessions kept: beyond it a lost execution is not. */
  readonly maxSessions: number
  /** The largest part of them for one tenant. */
  readonly maxHeldShare: number
}

const prefix = 'late:'

/** The session that holds a lost execution until its grace is over. */
export const lateSessionOf = (executionId: string) => `${prefix}${executionId}`

/** The same of another namespace whose execution of that id was lost while the first one is kept. */
const lateSessionApart = (executionId: string, namespace: string) =>
  placeApart(lateSessionOf(executionId), [namespace])

/** Where one may lie of whoever may use these namespaces; undefined is all. */
export const lateSessionsOf = (
  executionId: string,
  namespaces: readonly string[] | undefined,
): readonly string[] => [
  lateSessionOf(executionId),
  ...(namespaces ?? []).map((namespace) => lateSessionApart(executionId, namespace)),
]

export const isLateSession = (sessionId: string) => sessionId.startsWith(prefix)

/** An execution that was closed as lost, and what its session was for. */
export interface Lost {
  readonly record: ExecutionRecord
  readonly scope: Scope
}

/** The sessions that hold what was lost, by where they lie: apart where the id is that of another namespace's. */
export async function lateSessions(
  store: Pick<ProfileStore, 'getSession'>,
  lost: readonly Lost[],
  nowUnixMs: number,
  graceMs: number,
): Promise<ReadonlyMap<string, SessionCheckpoint>> {
  const sessions = new Map<string, SessionCheckpoint>()
  /** Of those lost now that come first by their ids. */
  const namespaces = new Map<string, string>()
  const stored = await Promise.all(
    lost.map(({ record }) => store.getSession(lateSessionOf(record.executionId))),
  )
  for (const [index, each] of lost.entries()) {
    const { executionId, task } = each.record
    const now = namespaces.get(executionId)
    const isOwn = now === undefined ? await isOf(task.namespace, stored[index]) : now === task.namespace
    if (isOwn) namespaces.set(executionId, task.namespace)
    const place = isOwn ? lateSessionOf(executionId) : lateSessionApart(executionId, task.namespace)
    sessions.set(place, await lateSession(each, nowUnixMs, graceMs))
  }
  return sessions
}

/** One that nobody can read is anybody's. */
async function isOf(namespace: string, stored: StoredSession | undefined): Promise<boolean> {
  if (stored === undefined) return true
  try {
    const { session } = await decodeSession(stored)
    const { scope = [...session.open.values()].map(({ start }) => start.task.namespace) } = session
    return scope === 'all' || scope.length === 0 || scope.includes(namespace)
  } catch (error) {
    if (!(error instanceof DamagedRecord)) throw error
    return true
  }
}

/** Made durable with the loss itself: any replica can take the late end, and upkeep forgets it after the grace. */
async function lateSession(
  { record: lost, scope }: Lost,
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
  const state = { sequence: 1, lastActiveUnixMs: nowUnixMs, scope: [start.task.namespace] }
  // It is not open any more: it counts among the sessions of its tenant alone.
  const parts = await changedParts(nothingWritten, [changes], state, {
    ofOpen: () => ({}),
    ofSession: countsOfSession(tenantOfScope(scope)),
  })
  return { version: 1, owner: '', dueUnixMs: nowUnixMs + graceMs, parts }
}
