import { ForesizeError } from '../../shared/domain/errors.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { closeSilent, type Session } from './domain/session.ts'
import { throwFirst } from './failures.ts'
import type { HeldSessions } from './held-sessions.ts'
import type { LiveSession } from './live-session.ts'
import type { ProfileStore } from './store.ts'

/** Executions that nobody reports of any more, and sessions that nobody comes back to. */
export interface SilentSessions {
  /** Closes what is silent beyond its lease, forgets what is over. Throws what has failed first, when it has looked at all. */
  close(): Promise<void>
  /** Executions closed as lost so far. */
  lostExecutions(): number
}

/** Sessions looked at in one go. */
const maxDueSessions = 256

/** Silent executions of one session that are closed in one commit. */
const closedAtOnce = 128

/** One that could not be closed is looked at again after so long. */
const putOffMs = 60_000

export function silentSessions(store: ProfileStore, sessions: HeldSessions, clock: Clock): SilentSessions {
  const startedMs = clock.monotonicMs()
  const startedUnixMs = () => clock.nowUnixMs() - (clock.monotonicMs() - startedMs)
  /** Due sessions that could not be closed, and until when they are left alone by the monotonic clock. */
  const putOff = new Map<string, number>()
  let lostExecutions = 0

  async function lookAt(sessionId: string): Promise<void> {
    const now = clock.nowUnixMs()
    const holder = sessions.get(sessionId)
    if (holder) {
      // A session that is held is not idle: what is stored of it is brought up to date, so that it is not due any more.
      await closeLost(holder, () => ({ ...holder.state(), lastActiveUnixMs: now }), now)
      return
    }
    await sessions.inTurn(sessionId, async () => {
      const stored = await store.getSession(sessionId)
      if (sessions.get(sessionId) || !stored || stored.dueUnixMs > now) return
      const { session: state, written } = await sessions.read(sessionId, stored)
      // Its client could not report before this process began, nor while the clock stood wrong in between.
      const idleTtlMs = stored.dueUnixMs - state.lastActiveUnixMs
      const isEmpty = state.open.size === 0
      if (isEmpty && startedUnixMs() + idleTtlMs <= now) {
        await store.deleteSession(sessionId, stored)
        return
      }
      const lastActiveUnixMs = Math.max(state.lastActiveUnixMs, startedUnixMs())
      const session = { ...state, lastActiveUnixMs }
      const keeper = sessions.hold(sessionId, { session, written }, isEmpty ? idleTtlMs : undefined)
      try {
        await closeLost(keeper, keeper.state, now)
      } finally {
        await sessions.letGo(keeper)
      }
    })
  }

  /** A part of them at a time, as long as nobody takes the session over: others go on in between. */
  async function closeLost(session: LiveSession, state: () => Session, nowUnixMs: number): Promise<void> {
    while (sessions.isHeld(session)) {
      const applied = closeSilent(state(), nowUnixMs, startedUnixMs(), closedAtOnce)
      const folded = await session.adopt(applied).durable
      lostExecutions += folded.filter(Boolean).length
      if (applied.finished.length < closedAtOnce) return
    }
  }

  return {
    async close() {
      const now = clock.monotonicMs()
      for (const [id, untilMs] of putOff) if (untilMs <= now) putOff.delete(id)
      const due = await store.dueSessions(clock.nowUnixMs(), maxDueSessions + putOff.size)
      const ids = due.filter((id) => !putOff.has(id))
      const results = await Promise.allSettled(ids.map(lookAt))
      // Those that cannot be closed now are no longer in the way of those that can.
      for (const [index, { status }] of results.entries()) {
        if (status === 'rejected') putOff.set(ids[index] as string, now + putOffMs)
      }
      throwFirst(results, isTakenOver)
    },
    lostExecutions: () => lostExecutions,
  }
}

/** Another replica was quicker. */
const isTakenOver = (error: unknown) => error instanceof ForesizeError && error.failure === 'conflict'
