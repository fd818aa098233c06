import { setImmediate as nextTurn } from 'node:timers/promises'
import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord, RunningExecution } from '../../shared/domain/execution.ts'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import type { HeldBytes, Holder } from '../../shared/runtime/held-bytes.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { type CohortSettings, joinCohorts, type TaskFold } from './domain/cohorts.ts'
import { type Finished, type FoldSettings, foldAll, showRunning } from './domain/fold.ts'
import { readEstimateToken } from './estimate-token.ts'
import { type LateEndSettings, lateSession, lateSessionOf } from './late-ends.ts'
import { bytesOf } from './quotas.ts'
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

/**
 * Group commit: all that arrived while one commit was on its way goes into the next; the first waits for the end of the
 * turn in which it arrived, for what was read from the network with it.
 */
export interface Committer {
  /** Resolves when durable. Rejects with ForesizeError where it may not be, and with it whatever its holder submits after. */
  submit(unit: Unit): Promise<UnitResult>
  /** Executions of tasks beyond their namespace's limit, folded into the namespace's profile only. */
  overflowed(): number
  /** Resolves once nothing is under way. */
  idle(): Promise<void>
}

const maxAdmitted = 10_000

const foldsInOneStep = 64

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

  async function run(): Promise<void> {
    while (queue.length > 0 || pendingCohorts.length > 0) {
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
    for (const lost of await correctable(group)) {
      checkpoints.set(
        lateSessionOf(lost.executionId),
        await lateSession(lost, nowUnixMs(), settings.lateEndGraceMs),
      )
    }
    let overflow = 0
    if (!plan.isEmpty()) overflow = plan.overflow(await refusedKeys(plan.keys(), plan.scopeOf))
    const { fenced } = await store.commit({ changes: [...plan.changes(), ...cohortChanges], checkpoints })
    overflowed += overflow
    pendingCohorts = plan.folded()
    for (const key of plan.keys()) admitted.set(profileId(key), true)
    const lost = new Set(fenced)
    for (const [id, { stored }] of lastOf) if (!lost.has(id)) stored()
    for (const { unit, resolve } of group) {
      resolve({
        folded: unit.finished.map((record) => plan.wasFolded(record)),
        fenced: unit.session !== undefined && lost.has(unit.session.id),
      })
    }
  }

  /** Executions lost now, as far as there is room to keep them for a late end. */
  async function correctable(group: readonly Waiting[]): Promise<readonly ExecutionRecord[]> {
    if (settings.lateEndGraceMs === 0) return []
    const lost = group.flatMap(({ unit }) =>
      unit.isLate ? [] : unit.finished.filter(({ outcome }) => outcome === 'lost'),
    )
    return lost.length === 0
      ? lost
      : lost.slice(0, Math.max(0, settings.maxSessions - (await store.countSessions())))
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
        running ??= nextTurn().then(run)
      }),
    overflowed: () => overflowed,
    idle: () => running ?? Promise.resolve(),
  }
}

/** The namespaces of what is not stored yet. */
const holdersOf = ({ finished }: Unit): readonly Holder[] => [
  ...new Set(finished.map(({ task }) => `tenant ${task.namespace}` as const)),
]

type FoldPlan = ReturnType<typeof foldPlan>

/** What one commit does to which profile. */
function foldPlan(nowUnixMs: number, settings: CommitterSettings) {
  interface Part {
    readonly key: ProfileKey
    readonly finished: Finished[]
    readonly running: RunningUpdate[]
    scope: Scope
    readonly folded: boolean[]
    before: Profile | undefined
    after: Profile | undefined
  }
  const parts = new Map<string, Part>()
  /** Where each record is folded. */
  const places = new Map<ExecutionRecord, readonly [part: Part, index: number]>()

  function partOf(key: ProfileKey): Part {
    const text = profileId(key)
    const known = parts.get(text)
    if (known) return known
    const part: Part = {
      ...{ key, finished: [], running: [], folded: [] },
      ...{ scope: undefined, before: undefined, after: undefined },
    }
    parts.set(text, part)
    return part
  }

  function place(finished: Finished, key: ProfileKey, scope?: Scope): void {
    const part = partOf(key)
    part.scope ??= scope
    places.set(finished.record, [part, part.finished.push(finished) - 1])
  }

  /** So many executions a step that others may go on in between; what runs is shown by the last. */
  function changesOf(part: Part): ProfileChange[] {
    const { key, finished, running } = part
    const steps: ProfileChange[] = []
    for (let from = 0; from === 0 || from < finished.length; from += foldsInOneStep) {
      const isLast = from + foldsInOneStep >= finished.length
      const change = (before: Profile | undefined) => {
        const step = finished.slice(from, from + foldsInOneStep)
        const { profile, folded } = foldAll(before, key, step, nowUnixMs, settings)
        const shown = (isLast ? running : []).reduce(
          (current, { reported }) => showRunning(current, reported, settings),
          profile,
        )
        for (const [index, isNew] of folded.entries()) part.folded[from + index] = isNew
        if (from === 0) part.before = before
        part.after = shown.revision === 0 ? before : shown
        return part.after
      }
      steps.push({ key, change })
    }
    return steps
  }

  return {
    async add({ finished, scope, isLate = false, running = [] }: Unit): Promise<void> {
      for (const record of finished) {
        if (turn.isOver()) await turn.rest()
        const estimate = readEstimateToken(record.estimateToken)
        place({ record, estimate, isLate }, { ...record.task, kind: 'task' }, scope)
      }
      for (const update of running) partOf({ ...update.task, kind: 'task' }).running.push(update)
    },
    isEmpty: () => parts.size === 0,
    keys: () => [...parts.values()].map(({ key }) => key),
    scopeOf: (key: ProfileKey): Scope => parts.get(profileId(key))?.scope,
    /** Executions of tasks that were refused a profile go to their namespace's. Returns how many there were. */
    overflow(refused: ReadonlySet<string>): number {
      let count = 0
      for (const text of refused) {
        const part = parts.get(text)
        if (part === undefined) continue
        parts.delete(text)
        const { key, finished } = part
        for (const each of finished) place(each, { namespace: key.namespace, kind: 'namespace', task: '' })
        count += finished.length
      }
      return count
    },
    /** Why the unit cannot be made, of the reasons why profiles cannot be changed. */
    reasonOf({ finished, running = [] }: Unit, reasons: ReadonlyMap<string, unknown>): unknown {
      const keys = [
        ...finished.flatMap((record) => places.get(record)?.[0].key ?? []),
        ...running.map(({ task }) => ({ ...task, kind: 'task' as const })),
      ]
      const key = keys.find((each) => reasons.has(profileId(each)))
      if (key === undefined) return undefined
      const cause = reasons.get(profileId(key))
      const what = `the profile of ${JSON.stringify(key.task)} in ${key.namespace}`
      return cause instanceof ForesizeError
        ? new ForesizeError(cause.failure, `${what}: ${cause.message}`)
        : new ForesizeError('invalid', `${what} does not take what was reported`, { cause })
    },
    changes: () => [...parts.values()].flatMap(changesOf),
    /** After the commit: the tasks' profiles that it changed. */
    folded: (): readonly TaskFold[] =>
      [...parts.values()].flatMap(({ key, before, after }) =>
        key.kind === 'task' && after !== undefined && after !== before ? [{ before, after }] : [],
      ),
    wasFolded(record: ExecutionRecord): boolean {
      const [part, index] = places.get(record) ?? []
      return part?.folded[index as number] ?? false
    },
  }
}
