import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { HeldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Claim } from './claim.ts'
import { type Committer, type CommitterSettings, committer } from './committer.ts'
import { type Batch, type Rejection, type Session, unchanged } from './domain/session.ts'
import { throwFirst } from './failures.ts'
import { type HeldSessionSettings, heldSessions } from './held-sessions.ts'
import type { LiveSession } from './live-session.ts'
import { type NamespaceSettings, namespacesLetIn } from './namespaces-let-in.ts'
import { type OpenExecutionsSettings, openExecutions } from './open-executions.ts'
import { type QuotaSettings, quotas } from './quotas.ts'
import { silentSessions } from './silent-sessions.ts'
import type { ProfileStore } from './store.ts'

export interface IngestionSettings
  extends CommitterSettings,
    HeldSessionSettings,
    NamespaceSettings,
    OpenExecutionsSettings,
    QuotaSettings {
  /** Silence after which an execution is lost, unless its start says otherwise. Default 5 minutes. */
  readonly defaultLeaseMs: number
  /** The same for StartProfiling, whose caller sends no samples. Default 24 hours. */
  readonly unaryLeaseMs: number
  /** A repeat of EndProfiling is recognised for so long. Default 1 minute. */
  readonly unaryMemoryMs: number
}

/** Where what workers report enters: sessions, leases, and the commits behind them. */
export interface Ingestion {
  /** Opens or resumes a session and takes it from whoever held it. Errors: `overloaded`, `unavailable`, `conflict`, `forbidden`. */
  open(sessionId: string, claim: Claim): Promise<LiveSession>
  /** Lets go of a session: what is stored of it stays. */
  close(session: LiveSession): Promise<void>
  /** One batch of a session that nobody streams; undefined leaves it as it is. Resolves once durable. */
  once(sessionId: string, claim: Claim, next: (session: Session) => Batch | undefined): Promise<OnceResult>
  /** A session as it is now, held or not, undefined where the claimant has none: for who has to look before touching it. */
  look(sessionId: string, claim: Claim): Promise<Session | undefined>
  /** Folds finished executions. Resolves to which were folded now, once durable. */
  fold(records: readonly ExecutionRecord[], scope: Session['scope']): Promise<readonly boolean[]>
  /** Lets in what namespaces are new, as far as there may be more: before anything in them is taken. */
  letIn(namespaces: readonly string[], scope: Session['scope']): Promise<void>
  /** Why nothing may be learned in a namespace by whoever has that scope: there are as many as may be. */
  refuseNamespace(namespace: string, scope: Session['scope']): string | undefined
  /** Asks the store what there is: before anything is taken, and with every tick. */
  refresh(): Promise<void>
  /** Executions of a task, by `taskId`, that are open in this process. */
  openExecutionsOf(taskId: string): number
  /** Closes what is silent, forgets what is over, shows what runs. Called every second by whoever owns the clock. */
  tick(): Promise<void>
  figures(): IngestionFigures
  /** Lets go of all sessions and waits for what is under way. */
  drain(): Promise<void>
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

export function ingestion(
  store: ProfileStore,
  clock: Clock,
  settings: IngestionSettings,
  log: Log,
  held: HeldBytes,
  observe: (committer: Committer) => Committer = (committer) => committer,
): Ingestion {
  const commits = observe(committer(store, clock.nowUnixMs, settings, held))
  const open = openExecutions(settings)
  const kept = quotas(settings, held)
  const namespaces = namespacesLetIn(store, settings)
  const sessions = heldSessions({
    ...{ store, clock, log, settings, namespaces },
    ...{ committer: commits, quotas: kept, openExecutions: open },
  })
  const silent = silentSessions(store, sessions, clock)

  async function refresh(): Promise<void> {
    await namespaces.refresh()
    await kept.refresh(() => store.sessionCounts())
  }

  async function showRunning(): Promise<void> {
    const states = sessions.all().map((session) => session.state())
    const running = await open.takeUpdates(states, clock.nowUnixMs())
    // One by one: a profile that cannot be changed hides no other.
    const shown = await Promise.allSettled(
      running.map((update) => commits.submit({ finished: [], running: [update] })),
    )
    throwFirst(shown, isOfNewer)
  }

  return {
    open: (sessionId, claim) =>
      sessions.inTurnOf(sessionId, claim, async (place) => {
        const session = await sessions.take(place, claim)
        try {
          await session.adopt(unchanged(session.state())).durable
        } catch (error) {
          await sessions.letGo(session)
          throw error
        }
        return session
      }),
    close: sessions.letGo,
    once: (sessionId, claim, next) =>
      sessions.inTurnOf(sessionId, claim, async (place) => {
        const session = await sessions.take(place, claim, settings.unaryMemoryMs)
        try {
          const batch = next(session.state())
          const submitted = batch && session.applyOwn(batch, clock.nowUnixMs())
          return {
            rejections: submitted?.applied.rejections ?? [],
            folded: (await submitted?.durable) ?? [],
          }
        } finally {
          await sessions.letGo(session)
        }
      }),
    look: sessions.look,
    async fold(records, scope) {
      const { folded } = await commits.submit({ finished: records, scope })
      return folded
    },
    letIn: namespaces.letIn,
    refuseNamespace: namespaces.refusalOf,
    refresh,
    openExecutionsOf: open.countOf,
    async tick() {
      await refresh()
      await silent.close()
      await showRunning()
    },
    figures: () => ({
      sessions: sessions.all().length,
      openExecutions: kept.openExecutions(),
      overflowedExecutions: commits.overflowed(),
      lostExecutions: silent.lostExecutions(),
    }),
    async drain() {
      await Promise.all(sessions.all().map(sessions.letGo))
      await commits.idle()
    },
  }
}

const isOfNewer = (error: unknown) => error instanceof ForesizeError && error.failure === 'unsupported'
