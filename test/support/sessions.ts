import type { Applied, Session } from '../../services/profiler/domain/session.ts'

/** The session once that has happened to it, and as it was before still there. */
export function sessionAfter(before: Session, { sequence, lastActiveUnixMs, changes }: Applied): Session {
  const open = new Map(before.open)
  for (const [executionId, { after }] of changes) {
    if (after) open.set(executionId, after)
    else open.delete(executionId)
  }
  return { ...before, sequence, lastActiveUnixMs, open }
}
