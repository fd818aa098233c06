import { randomUUID } from 'node:crypto'
import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { HeldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { decodeSession, nothingWritten, type Written, writtenUnread } from './checkpoint.ts'
import { type Committer, type CommitterSettings, committer } from './committer.ts'
import {
  type Applied,
  type Batch,
  closeSilent,
  newSession,
  type Rejection,
  type Session,
} from './domain/session.ts'
import { DamagedRecord } from './envelope.ts'
import { type LiveSession, liveSession } from './live-session.ts'
import { type NamespaceSettings, namespacesLetIn } from './namespaces-let-in.ts'
import { openExecutions } from './open-executions.ts'
import { countsOfOpen, countsOfSession, type QuotaSettings, quotas, tenantOfScope } from './quotas.ts'
import type { ProfileStore, StoredSession } from './store.ts'

export interface IngestionSettings extends CommitterSettings, QuotaSettings, NamespaceSettings {
  /** Silence after which an execution is lost, unless its start says otherwise. Default 5 minutes. */
  readonly defaultLeaseMs: number
  /** The same for StartProfiling, whose caller sends no samples. Default 24 hours. */
  readonly unaryLeaseMs: number
  /** A session without open executions is forgotten after so long. Default 1 hour. */
  readonly idleSessionTtlMs: number
  /** A repeat of EndProfiling is recognised for so long. Default 1 minute. */
  readonly unaryMemoryMs: number
  /** Default 1000. */
  readonly maxOpenExecutionsPerSession: number
  /** Executions under way are shown in their profile at most so often. Default 1000. */
  readonly runningIntervalMs: number
}

/** Where what workers report enters: sessions, leases, and the commits behind them. */
export interface Ingestion {
  /** Opens or resumes a session and takes it from whoever held it. Errors: `overloaded`, `unavailable`, `conflict`, `forbidden`. */
  open(sessionId: string, claim: Claim): Promise<LiveSession>
  /** Lets go of a session: what is stored of it stays. */
  close(session: LiveSession): Promise<void>
  /** One batch of a session that nobody streams; undefined leaves it as it is. Resolves once durable. */
  once(sessionId: string, claim: Claim, next: (session: Session) => Batch | undefined): Promise<OnceResult>
  /** A session as it is now, held or not, undefined where there is none: for who has to look before touching it. */
  look(sessionId: string): Promise<Session | undefined>
  /** Folds finished executions. Resolves to which were folded now, once durable. */
  fold(records: readonly ExecutionRecord[], scope: Session['scope']): Promise<readonly boolean[]>
  /** Lets in what namespaces are new, as far as there may be more: before anything in them is taken. */
  letIn(namespaces: readonly string[], scope: Session['scope']): Promise<void>
  /** Why nothing may be learned in a namespace by whoever has that scope: there are as many as may be. */
  refuseNamespace(namespace: string, scope: Session['scope']): string | undefined
  /** Asks the store what there is: before anything is taken, and with every tick. */
  refresh(): Promise<void>
  /** Executions of a task that are open in this process. */
  openExecutionsOf(task: TaskKey): number
  /** Closes what is silent, forgets what is over, shows what runs. Called every second by whoever owns the clock. */
  tick(): Promise<void>
  figures(): IngestionFigures
  /** Lets go of all sessions and waits for what is under way. */
  drain(): Promise<void>
}

/** By what right a session is taken. */
export interface Claim {
  /** What the session is for from then on; undefined leaves it as it is. */
  readonly scope: Session['scope']
  /** Throws where the claimant may not have a session in that state: it is left to whoever has it. */
  readonly authorize: (session: Session) => void
}

export interface OnceResult {
  readonly rejections: readonly Rejection[]
  /** Which of the batch's executions were folded now. */
  readonly folded: readonly boolean[]
}

export interface IngestionFigures {
  readonly sessions: number
  readonly openExecutions: number
  readonly overflowedExecutions: number
  readonly lostExecutions: number
}

/** Sessions looked at in one tick. */
const maxDueSessions = 256

/** Silent executions of one session that are closed in one commit. */
const closedAtOnce = 128

/** One that could not be closed is looked at again after so long. */
const putOffMs = 60_000

export function ingestion(
  store: ProfileStore,
  clock: Clock,
  settings: IngestionSettings,
  log: Log,
  held: HeldBytes,
  observe: (committer: Committer) => Committer = (committer) => committer,
): Ingestion {
  const owner = randomUUID()
  const startedMs = clock.monotonicMs()
  const startedUnixMs = () => clock.nowUnixMs() - (clock.monotonicMs() - startedMs)
  const commits = observe(committer(store, clock.nowUnixMs, settings, held))
  const live = new Map<string, LiveSession>()
  const opening = new Map<string, Promise<unknown>>()
  const open = openExecutions(settings)
  const kept = quotas(settings, held)
  const namespaces = namespacesLetIn(store, settings)
  /** Due sessions that could not be closed, and until when they are left alone by the monotonic clock. */
  const putOff = new Map<string, number>()
  let lostExecutions = 0

  async function refresh(): Promise<void> {
    await namespaces.refresh()
    await kept.refresh(() => store.sessionCounts())
  }

  const limits = {
    maxOpenExecutionsPerSession: settings.maxOpenExecutionsPerSession,
    refuseOpen: kept.refuseOpen,
  }

  /** Openings of one session, one after the other. */
  async function inTurn<T>(sessionId: string, action: () => Promise<T>): Promise<T> {
    const before = opening.get(sessionId)
    const result = (before ?? Promise.resolve()).then(action)
    const settled = result.then(
      () => undefined,
      () => undefined,
    )
    opening.set(sessionId, settled)
    try {
      return await result
    } finally {
      if (opening.get(sessionId) === settled) opening.delete(sessionId)
    }
  }

  function hold(
    id: string,
    written: Written,
    state: Session,
    idleSessionTtlMs = settings.idleSessionTtlMs,
    isNew = false,
  ): LiveSession {
    let uncounted = isNew ? countsOfSession(tenantOfScope(state.scope)) : {}
    const session = liveSession({
      id,
      owner,
      state,
      written,
      committer: commits,
      limits: {
        ...limits,
        refuseNamespace: (namespace) => namespaces.refusalOf(namespace, state.scope),
      },
      idleSessionTtlMs,
      onSubmitted: ({ applied: { opened, closed }, durable }) => {
        open.add(opened)
        open.remove(closed)
        kept.change({ ...countsOfOpen(opened), ...uncounted }, countsOfOpen(closed), durable)
        uncounted = {}
      },
    })
    open.add(startsOf(state))
    live.set(id, session)
    return session
  }

  async function letGo(session: LiveSession): Promise<void> {
    if (live.get(session.id) !== session) return
    live.delete(session.id)
    open.remove(startsOf(session.state()))
    await session.release()
  }

  async function take(
    sessionId: string,
    { scope, authorize }: Claim,
    idleTtlMs?: number,
  ): Promise<LiveSession> {
    const holder = live.get(sessionId)
    if (holder) {
      authorize(holder.state())
      await letGo(holder)
    }
    const stored = await store.getSession(sessionId)
    if (!stored) {
      const refused = kept.refuseSession(tenantOfScope(scope))
      if (refused) throw new ForesizeError('overloaded', refused)
      if ((await store.countSessions()) >= settings.maxSessions) {
        throw new ForesizeError(
          'overloaded',
          `there are ${settings.maxSessions} sessions, as many as max_sessions allows`,
        )
      }
    }
    const now = clock.nowUnixMs()
    const { session, written } = stored
      ? await readSession(sessionId, stored, now)
      : { session: newSession(now), written: nothingWritten }
    authorize(session)
    const taken = { ...session, scope: scope ?? session.scope }
    return hold(sessionId, written, taken, idleTtlMs, stored === undefined)
  }

  /** One that cannot be read is reported and begun anew: its client is told that nothing is stored. */
  async function readSession(sessionId: string, stored: StoredSession, nowUnixMs: number) {
    try {
      return await decodeSession(stored)
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      log.error({ err: error, session: sessionId }, 'a session could not be read and begins anew')
      return { session: newSession(nowUnixMs), written: writtenUnread(stored) }
    }
  }

  async function lookAt(sessionId: string): Promise<void> {
    const now = clock.nowUnixMs()
    const holder = live.get(sessionId)
    if (holder) {
      // A session that is held is not idle: what is stored of it is brought up to date, so that it is not due any more.
      await closeLost(holder, () => ({ ...holder.state(), lastActiveUnixMs: now }), now)
      return
    }
    await inTurn(sessionId, async () => {
      const stored = await store.getSession(sessionId)
      if (live.has(sessionId) || !stored || stored.dueUnixMs > now) return
      const { session: state, written } = await readSession(sessionId, stored, now)
      // Its client could not report before this process began, nor while the clock stood wrong in between.
      const idleTtlMs = stored.dueUnixMs - state.lastActiveUnixMs
      if (state.open.size === 0 && startedUnixMs() + idleTtlMs <= now) {
        await store.deleteSession(sessionId, stored)
        return
      }
      const lastActiveUnixMs = Math.max(state.lastActiveUnixMs, startedUnixMs())
      const keeper = hold(
        sessionId,
        written,
        { ...state, lastActiveUnixMs },
        state.open.size === 0 ? idleTtlMs : undefined,
      )
      try {
        await closeLost(keeper, keeper.state, now)
      } finally {
        await letGo(keeper)
      }
    })
  }

  /** A part of them at a time, as long as nobody takes the session over: others go on in between. */
  async function closeLost(session: LiveSession, state: () => Session, nowUnixMs: number): Promise<void> {
    while (live.get(session.id) === session) {
      const applied = closeSilent(state(), nowUnixMs, startedUnixMs(), closedAtOnce)
      const folded = await session.adopt(applied).durable
      lostExecutions += folded.filter(Boolean).length
      if (applied.finished.length < closedAtOnce) return
    }
  }

  async function closeDueSessions(): Promise<void> {
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
  }

  async function showRunning(): Promise<void> {
    const running = await open.takeUpdates(
      [...live.values()].map((session) => session.state()),
      clock.nowUnixMs(),
    )
    // One by one: a profile that cannot be changed hides no other.
    const shown = await Promise.allSettled(
      running.map((update) => commits.submit({ finished: [], running: [update] })),
    )
    throwFirst(shown, isOfNewer)
  }

  return {
    open: (sessionId, claim) =>
      inTurn(sessionId, async () => {
        const session = await take(sessionId, claim)
        try {
          await session.adopt(unchanged(session.state())).durable
        } catch (error) {
          await letGo(session)
          throw error
        }
        return session
      }),
    close: letGo,
    once: (sessionId, claim, next) =>
      inTurn(sessionId, async () => {
        const session = await take(sessionId, claim, settings.unaryMemoryMs)
        try {
          const batch = next(session.state())
          const submitted = batch && session.applyOwn(batch, clock.nowUnixMs())
          return {
            rejections: submitted?.applied.rejections ?? [],
            folded: (await submitted?.durable) ?? [],
          }
        } finally {
          await letGo(session)
        }
      }),
    async look(sessionId) {
      const holder = live.get(sessionId)
      if (holder) return holder.state()
      const stored = await store.getSession(sessionId)
      return stored && (await readSession(sessionId, stored, clock.nowUnixMs())).session
    },
    async fold(records, scope) {
      const { folded } = await commits.submit({ finished: records, scope })
      return folded
    },
    letIn: namespaces.letIn,
    refuseNamespace: namespaces.refusalOf,
    refresh,
    openExecutionsOf: (task) => open.countOf(task),
    async tick() {
      await refresh()
      await closeDueSessions()
      await showRunning()
    },
    figures: () => ({
      sessions: live.size,
      openExecutions: kept.openExecutions(),
      overflowedExecutions: commits.overflowed(),
      lostExecutions,
    }),
    async drain() {
      await Promise.all([...live.values()].map(letGo))
      await commits.idle()
    },
  }
}

/** Throws what has failed first, but for what may fail. */
function throwFirst(
  results: readonly PromiseSettledResult<unknown>[],
  mayFail: (reason: unknown) => boolean,
): void {
  for (const result of results) {
    if (result.status === 'rejected' && !mayFail(result.reason)) throw result.reason
  }
}

const isOfNewer = (error: unknown) => error instanceof ForesizeError && error.failure === 'unsupported'

/** Another replica was quicker. */
const isTakenOver = (error: unknown) => error instanceof ForesizeError && error.failure === 'conflict'

const startsOf = ({ open }: Session) => [...open.values()].map(({ start }) => start)

const unchanged = (session: Session): Applied => ({
  session,
  started: [],
  opened: [],
  closed: [],
  finished: [],
  rejections: [],
})
