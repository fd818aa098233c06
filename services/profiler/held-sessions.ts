import { randomUUID } from 'node:crypto'
import { ForesizeError } from '../../shared/domain/errors.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { decodeSession, nothingWritten, type Written, writtenUnread } from './checkpoint.ts'
import type { Claim } from './claim.ts'
import type { Committer } from './committer.ts'
import { newSession, type Session } from './domain/session.ts'
import { DamagedRecord } from './envelope.ts'
import { type LiveSession, liveSession } from './live-session.ts'
import type { NamespacesLetIn } from './namespaces-let-in.ts'
import type { OpenExecutions } from './open-executions.ts'
import { countsOfOpen, countsOfSession, type Quotas, tenantOfScope } from './quotas.ts'
import type { ProfileStore, StoredSession } from './store.ts'

export interface HeldSessionSettings {
  /** A session without open executions is forgotten after so long. Default 1 hour. */
  readonly idleSessionTtlMs: number
  /** Default 1000. */
  readonly maxOpenExecutionsPerSession: number
  /** Sessions kept, those of clients that are away included. Default 100,000. */
  readonly maxSessions: number
}

/** The sessions that this process holds. */
export interface HeldSessions {
  /** One action after the other on each session that is not held. */
  inTurn<T>(sessionId: string, action: () => Promise<T>): Promise<T>
  /** In its turn: takes a session, or begins one, from whoever holds it. Errors: `overloaded`, `unavailable`, `forbidden`. */
  take(sessionId: string, claim: Claim, idleTtlMs?: number): Promise<LiveSession>
  /** Holds a session as it was read. */
  hold(sessionId: string, read: ReadSession, idleTtlMs?: number): LiveSession
  /** Lets go of a session: what is stored of it stays. */
  letGo(session: LiveSession): Promise<void>
  isHeld(session: LiveSession): boolean
  get(sessionId: string): LiveSession | undefined
  all(): readonly LiveSession[]
  /** One that cannot be read is reported and begun anew: its client is told that nothing is stored. */
  read(sessionId: string, stored: StoredSession): Promise<ReadSession>
}

export interface ReadSession {
  readonly session: Session
  readonly written: Written
}

export interface HeldSessionParts {
  readonly store: ProfileStore
  readonly clock: Clock
  readonly log: Log
  readonly committer: Committer
  readonly quotas: Quotas
  readonly namespaces: NamespacesLetIn
  readonly openExecutions: OpenExecutions
  readonly settings: HeldSessionSettings
}

export function heldSessions(parts: HeldSessionParts): HeldSessions {
  const { store, clock, log, committer, quotas, namespaces, openExecutions, settings } = parts
  const owner = randomUUID()
  const live = new Map<string, LiveSession>()
  const turns = new Map<string, Promise<unknown>>()

  async function inTurn<T>(sessionId: string, action: () => Promise<T>): Promise<T> {
    const before = turns.get(sessionId)
    const result = (before ?? Promise.resolve()).then(action)
    const settled = result.then(
      () => undefined,
      () => undefined,
    )
    turns.set(sessionId, settled)
    try {
      return await result
    } finally {
      if (turns.get(sessionId) === settled) turns.delete(sessionId)
    }
  }

  async function read(sessionId: string, stored: StoredSession): Promise<ReadSession> {
    try {
      return await decodeSession(stored)
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      log.error({ err: error, session: sessionId }, 'a session could not be read and begins anew')
      return { session: newSession(clock.nowUnixMs()), written: writtenUnread(stored) }
    }
  }

  function hold(
    id: string,
    { session: state, written }: ReadSession,
    idleSessionTtlMs = settings.idleSessionTtlMs,
    isNew = false,
  ): LiveSession {
    const { scope } = state
    let uncounted = isNew ? countsOfSession(tenantOfScope(scope)) : {}
    const session = liveSession({
      id,
      owner,
      state,
      written,
      committer,
      limits: {
        maxOpenExecutionsPerSession: settings.maxOpenExecutionsPerSession,
        refuseOpen: quotas.refuseOpen,
        refuseNamespace: (namespace) => namespaces.refusalOf(namespace, scope),
      },
      idleSessionTtlMs,
      onSubmitted: ({ applied: { opened, closed }, durable }) => {
        openExecutions.add(opened)
        openExecutions.remove(closed)
        quotas.change({ ...countsOfOpen(opened), ...uncounted }, countsOfOpen(closed), durable)
        uncounted = {}
      },
    })
    openExecutions.add(startsOf(state))
    live.set(id, session)
    return session
  }

  async function letGo(session: LiveSession): Promise<void> {
    if (live.get(session.id) !== session) return
    live.delete(session.id)
    openExecutions.remove(startsOf(session.state()))
    await session.release()
  }

  async function begin(scope: Session['scope']): Promise<ReadSession> {
    const refused = quotas.refuseSession(tenantOfScope(scope))
    if (refused) throw new ForesizeError('overloaded', refused)
    if ((await store.countSessions()) >= settings.maxSessions) {
      throw new ForesizeError(
        'overloaded',
        `there are ${settings.maxSessions} sessions, as many as max_sessions allows`,
      )
    }
    return { session: newSession(clock.nowUnixMs()), written: nothingWritten }
  }

  return {
    inTurn,
    async take(sessionId, { scope, authorize }, idleTtlMs) {
      const holder = live.get(sessionId)
      if (holder) {
        authorize(holder.state())
        await letGo(holder)
      }
      const stored = await store.getSession(sessionId)
      const { session, written } = stored ? await read(sessionId, stored) : await begin(scope)
      authorize(session)
      const taken = { ...session, scope: scope ?? session.scope }
      return hold(sessionId, { session: taken, written }, idleTtlMs, stored === undefined)
    },
    hold,
    letGo,
    isHeld: (session) => live.get(session.id) === session,
    get: (sessionId) => live.get(sessionId),
    all: () => [...live.values()],
    read,
  }
}

const startsOf = ({ open }: Session) => [...open.values()].map(({ start }) => start)
