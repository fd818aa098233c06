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
import { countsOfOpen, type Quotas } from './quotas.ts'
import { placeApart } from './session-place.ts'
import { sessionsLetIn } from './sessions-let-in.ts'
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
  /** One action after the other on what lies at a place and is not held. */
  inTurn<T>(place: string, action: () => Promise<T>): Promise<T>
  /** The same on the claimant's session of that id, given its place. */
  inTurnOf<T>(sessionId: string, claim: Claim, action: (place: string) => Promise<T>): Promise<T>
  /** The claimant's session of that id as it is now, held or not. */
  look(sessionId: string, claim: Claim): Promise<Session | undefined>
  /** In its turn: takes a session, or begins one, from whoever holds it. Errors: `overloaded`, `unavailable`, `forbidden`. */
  take(place: string, claim: Claim, idleTtlMs?: number): Promise<LiveSession>
  /** Holds a session as it was read. */
  hold(place: string, read: ReadSession, idleTtlMs?: number): LiveSession
  /** Lets go of a session: what is stored of it stays. */
  letGo(session: LiveSession): Promise<void>
  isHeld(session: LiveSession): boolean
  get(place: string): LiveSession | undefined
  all(): readonly LiveSession[]
  /** One that cannot be read is reported and begun anew: its client is told that nothing is stored. */
  read(place: string, stored: StoredSession): Promise<ReadSession>
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
  /** Sessions that were let go of, until the last of them is stored: who takes one reads what it has become. */
  const leaving = new Map<string, Promise<void>>()
  const arrivals = sessionsLetIn(store, quotas, settings.maxSessions)

  async function inTurn<T>(place: string, action: () => Promise<T>): Promise<T> {
    const before = turns.get(place)
    const result = (before ?? Promise.resolve()).then(() => leaving.get(place)).then(action)
    const settled = result.then(
      () => undefined,
      () => undefined,
    )
    turns.set(place, settled)
    try {
      return await result
    } finally {
      if (turns.get(place) === settled) turns.delete(place)
    }
  }

  async function stateOf(place: string): Promise<Session | undefined> {
    const holder = live.get(place)
    if (holder) return holder.state()
    const stored = await store.getSession(place)
    return stored && (await read(place, stored)).session
  }

  /** Where the claimant's session of that id lies: apart where the id is another tenant's. */
  async function placeOf(sessionId: string, { namespaces, authorize }: Claim): Promise<string> {
    if (namespaces === undefined) return sessionId
    const apart = placeApart(sessionId, namespaces)
    const [own, given] = await Promise.all([stateOf(apart), stateOf(sessionId)])
    if (own) return apart
    return given === undefined || isAllowed(() => authorize(given)) ? sessionId : apart
  }

  async function read(place: string, stored: StoredSession): Promise<ReadSession> {
    try {
      return await decodeSession(stored)
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      log.error({ err: error, session: place }, 'a session could not be read and begins anew')
      return { session: newSession(clock.nowUnixMs()), written: writtenUnread(stored) }
    }
  }

  function hold(
    id: string,
    { session: state, written }: ReadSession,
    idleSessionTtlMs = settings.idleSessionTtlMs,
  ): LiveSession {
    const { scope } = state
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
        quotas.change(countsOfOpen(opened), countsOfOpen(closed), durable)
        arrivals.storing(id, durable)
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
    const released = session.release()
    leaving.set(session.id, released)
    await released
    if (leaving.get(session.id) === released) leaving.delete(session.id)
    arrivals.leave(session.id)
  }

  async function begin(place: string, scope: Session['scope']): Promise<ReadSession> {
    await arrivals.letIn(place, scope)
    return { session: newSession(clock.nowUnixMs()), written: nothingWritten }
  }

  return {
    inTurn,
    inTurnOf: (sessionId, claim, action) =>
      inTurn(sessionId, async () => {
        const attempt = async () => {
          const place = await placeOf(sessionId, claim)
          return place === sessionId ? action(place) : inTurn(place, () => action(place))
        }
        return attempt().catch((error) => {
          // Another tenant has taken the id since it was looked for.
          if (claim.namespaces === undefined || !isForbidden(error)) throw error
          return attempt()
        })
      }),
    look: async (sessionId, claim) => stateOf(await placeOf(sessionId, claim)),
    async take(place, { scope, authorize }, idleTtlMs) {
      const holder = live.get(place)
      if (holder) {
        authorize(holder.state())
        await letGo(holder)
      }
      const stored = await store.getSession(place)
      const { session, written } = stored ? await read(place, stored) : await begin(place, scope)
      authorize(session)
      const taken = { ...session, scope: scope ?? session.scope }
      return hold(place, { session: taken, written }, idleTtlMs)
    },
    hold,
    letGo,
    isHeld: (session) => live.get(session.id) === session,
    get: (place) => live.get(place),
    all: () => [...live.values()],
    read,
  }
}

const startsOf = ({ open }: Session) => [...open.values()].map(({ start }) => start)

function isAllowed(authorize: () => void): boolean {
  try {
    authorize()
    return true
  } catch (error) {
    if (isForbidden(error)) return false
    throw error
  }
}

const isForbidden = (error: unknown) => error instanceof ForesizeError && error.failure === 'forbidden'
