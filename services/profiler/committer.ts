import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord, RunningExecution } from '../../shared/domain/execution.ts'
import { type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import type { HeldBytes, Holder } from '../../shared/runtime/held-bytes.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { type CohortSettings, joinCohorts, type TaskFold } from './domain/cohorts.ts'
import type { FoldSettings } from './domain/fold.ts'
import { type FoldPlan, foldPlan } from './fold-plan.ts'
import { gathering, type Streamed } from './gathering.ts'
import { type LateEndSettings, type Lost, lateSessions } from './late-ends.ts'
import { bytesOf, sessionsLeft } from './quotas.ts'
import { type RoomSettings, roomFor, type Scope } from './room.ts'
import { type ProfileChange, type ProfileStore, RefusedChanges, type SessionCheckpoint } from './store.ts'

export interface CommitterSettings extends FoldSettings, CohortSettings, LateEndSettings, RoomSettings {
  /** Finished executions in one commit. Well below `maxFolded`, so that a repeat of one commit is recognised. Default 512. */
  readonly maxFoldsPerCommit: number
}

/** What is made durable together. */
export interface Unit {
  readonly finished: readonly ExecutionRecord[]
  /** Of whoever reports them. */
  readonly scope?: Scope | undefined
  /** They were closed as lost before: what is told now takes its place. */
  readonly isLate?: boolean
  readonly running?: readonly RunningUpdate[]
  /** Set where whoever sent it goes on meanwhile. */
  readonly streamed?: Streamed | undefined
  readonly session?: {
    readonly id: string
    /** Made only for the last unit of a session in a commit. */
    readonly checkpoint: () => Promise<SessionCheckpoint>
    /** Called once that is durable, before another is made. */
    readonly stored: () => void
    /** Whoever holds the session: each of its units builds on the one before, so that one that fails ends them all. */
    readonly holder: object
  }
}

/** Executions of one task that are under way. */
export interface RunningUpdate {
  readonly task: TaskKey
  readonly reported: readonly RunningExecution[]
}

export interface UnitResult {
  /** Which of the unit's executions were folded now; the rest had been before. */
  readonly folded: readonly boolean[]
  /** Another has written the session since. */
  readonly fenced: boolean
}

/** Group commit: all that arrived while one commit was on its way goes into the next, and what `gathering` waits for. */
export interface Committer {
  /** Resolves when durable. Rejects with ForesizeError where it may not be, and with it whatever its holder submits after. */
  submit(unit: Unit): Promise<UnitResult>
  /** Executions of tasks beyond their namespace's limit, folded into the namespace's profile only. */
  overflowed(): number
  /** Resolves once nothing is under way. */
  idle(): Promise<void>
}

const maxAdmitted = 10_000

interface Waiting {
  readonly unit: Unit
  readonly resolve: (result: UnitResult) => void
  readonly reject: (error: unknown) => void
}

export function committer(
  store: ProfileStore,
  nowUnixMs: () => number,
  settings: CommitterSettings,
  held: HeldBytes,
): Committer {
  let queue: Waiting[] = []
  let running: Promise<void> | undefined
  let overflowed = 0
  /** Folds that cohorts do not have yet: they go with the next commit. */
  let pendingCohorts: readonly TaskFold[] = []
  const failed = new WeakMap<object, unknown>()
  /** Profiles that a commit has written: nobody has to ask whether they exist. */
  const admitted = recentlyUsed<true>(maxAdmitted)
  const gathered = gathering({
    count: () => queue.length,
    isFull: () => foldsIn(queue) >= settings.maxFoldsPerCommit,
    isStreamed: () => queue.every(({ unit }) => unit.streamed !== undefined),
  })

  async function run(): Promise<void> {
    while (queue.length > 0 || pendingCohorts.length > 0) {
      if (queue.length > 0) await gathered.done()
      await commit(take())
    }
    running = undefined
  }

  function fail(group: readonly Waiting[], reasonOf: (unit: Unit) => unknown): void {
    for (const { unit, reject } of group) {
      const error = reasonOf(unit)
      if (unit.session) failed.set(unit.session.holder, error)
      reject(error)
    }
    for (const { unit, reject } of queue) if (hasFailed(unit)) reject(failureOf(unit))
    queue = queue.filter(({ unit }) => !hasFailed(unit))
  }

  const hasFailed = ({ session }: Unit) => session !== undefined && failed.has(session.holder)
  const failureOf = ({ session }: Unit) => session && failed.get(session.holder)

  function take(): Waiting[] {
    let folds = 0
    let count = 0
    for (const { unit } of queue) {
      folds += unit.finished.length
      if (count > 0 && folds > settings.maxFoldsPerCommit) break
      count += 1
    }
    const group = queue.slice(0, count)
    queue = queue.slice(count)
    return group
  }

  /** Units whose profile cannot be changed fail alone, with what builds upon them; the others go on without. */
  async function commit(group: readonly Waiting[]): Promise<void> {
    let left = group
    try {
      let cohortChanges = pendingCohorts.length > 0 ? await takeCohortChanges() : []
      for (;;) {
        const plan = foldPlan(nowUnixMs(), settings)
        for (const { unit } of left) await plan.add(unit)
        try {
          await commitPlan(plan, left, cohortChanges)
          return
        } catch (error) {
          if (!(error instanceof RefusedChanges)) throw error
          const { reasons } = error
          const cohorts = cohortChanges.filter(({ key }) => !reasons.has(profileId(key)))
          const reasonOf = (unit: Unit) => plan.reasonOf(unit, reasons)
          const refused = left.filter(({ unit }) => reasonOf(unit) !== undefined)
          fail(refused, reasonOf)
          fail(
            left.filter((each) => !refused.includes(each) && hasFailed(each.unit)),
            failureOf,
          )
          const others = left.filter((each) => !refused.includes(each) && !hasFailed(each.unit))
          if (others.length === left.length && cohorts.length === cohortChanges.length) throw error
          left = others
          cohortChanges = cohorts
        }
      }
    } catch (error) {
      fail(left, () => error)
    }
  }

  async function commitPlan(
    plan: FoldPlan,
    group: readonly Waiting[],
    cohortChanges: readonly ProfileChange[],
  ): Promise<void> {
    const lastOf = new Map<string, NonNullable<Unit['session']>>()
    for (const { unit } of group) if (unit.session) lastOf.set(unit.session.id, unit.session)
    const checkpoints = new Map<string, SessionCheckpoint>()
    for (const [id, { checkpoint }] of lastOf) checkpoints.set(id, await checkpoint())
    const lost = await correctable(group)
    for (const [id, late] of await lateSessions(store, lost, nowUnixMs(), settings.lateEndGraceMs))
      checkpoints.set(id, late)
    let overflow = 0
    if (!plan.isEmpty()) overflow = plan.overflow(await refusedKeys(plan.keys(), plan.scopeOf))
    const { fenced } = await store.commit({ changes: [...plan.changes(), ...cohortChanges], checkpoints })
    overflowed += overflow
    pendingCohorts = plan.taskFolds()
    for (const key of plan.keys()) admitted.set(profileId(key), true)
    const refused = new Set(fenced)
    for (const [id, { stored }] of lastOf) if (!refused.has(id)) stored()
    for (const { unit, resolve } of group) {
      resolve({
        folded: plan.foldedOf(unit),
        fenced: unit.session !== undefined && refused.has(unit.session.id),
      })
    }
  }

  /** Executions lost now, as far as there is room to keep them for a late end. */
  async function correctable(group: readonly Waiting[]): Promise<readonly Lost[]> {
    if (settings.lateEndGraceMs === 0) return []
    const lost = group.flatMap(({ unit: { isLate, finished, scope } }) =>
      isLate ? [] : finished.flatMap((record) => (record.outcome === 'lost' ? [{ record, scope }] : [])),
    )
    if (lost.length === 0) return lost
    const left = sessionsLeft(settings, await store.countSessions(), await store.sessionCounts())
    return lost.filter(({ scope }) => left.take(scope))
  }

  /** A summary that is lost with a failed commit comes again at the profile's next power of two: nobody waits for it. */
  async function takeCohortChanges(): Promise<readonly ProfileChange[]> {
    const changes = joinCohorts(pendingCohorts, nowUnixMs(), settings)
    pendingCohorts = []
    const refused = await refusedKeys(
      changes.map(({ key }) => key),
      () => undefined,
    )
    return changes.filter(({ key }) => !refused.has(profileId(key)))
  }

  /** New profiles for which there is no room. */
  async function refusedKeys(
    keys: readonly ProfileKey[],
    scopeOf: (key: ProfileKey) => Scope,
  ): Promise<ReadonlySet<string>> {
    const bounded = keys.filter((key) => key.kind !== 'namespace' && !admitted.get(profileId(key)))
    const known = await Promise.all(bounded.map(exists))
    const room = roomFor(store, settings)
    const refused = new Set<string>()
    for (const [index, key] of bounded.entries()) {
      if (known[index]) continue
      if ((await room.refusalOf(key, scopeOf(key))) !== undefined) refused.add(profileId(key))
    }
    return refused
  }

  /** One that cannot be read is there all the same. */
  async function exists(key: ProfileKey): Promise<boolean> {
    try {
      return (await store.get(key)) !== undefined
    } catch (error) {
      if (error instanceof ForesizeError && error.failure === 'unsupported') return true
      throw error
    }
  }

  return {
    submit: (unit) =>
      new Promise((resolve, reject) => {
        if (unit.session && failed.has(unit.session.holder)) {
          reject(failed.get(unit.session.holder))
          return
        }
        const holders = holdersOf(unit)
        const bytes = unit.finished.reduce((sum, record) => sum + bytesOf(record), 0)
        try {
          held.require(holders, bytes)
        } catch (error) {
          fail([{ unit, resolve, reject }], () => error)
          return
        }
        held.add(holders, bytes)
        const settled = () => held.add(holders, -bytes)
        queue.push({
          unit,
          resolve: (result) => {
            settled()
            resolve(result)
          },
          reject: (error) => {
            settled()
            reject(error)
          },
        })
        gathered.added(unit.streamed)
        running ??= run()
      }),
    overflowed: () => overflowed,
    idle: () => running ?? Promise.resolve(),
  }
}

const foldsIn = (queue: readonly Waiting[]) => queue.reduce((sum, { unit }) => sum + unit.finished.length, 0)

/** The namespaces of what is not stored yet. */
const holdersOf = ({ finished }: Unit): readonly Holder[] => [
  ...new Set(finished.map(({ task }) => `tenant ${task.namespace}` as const)),
]
