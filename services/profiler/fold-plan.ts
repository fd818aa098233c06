import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import { turn } from '../../shared/runtime/turns.ts'
import type { RunningUpdate, Unit } from './committer.ts'
import type { TaskFold } from './domain/cohorts.ts'
import { type Finished, type FoldSettings, foldAll, showRunning } from './domain/fold.ts'
import { readEstimateToken } from './estimate-token.ts'
import type { Scope } from './room.ts'
import type { ProfileChange } from './store.ts'

/** What one commit does to which profile. */
export interface FoldPlan {
  add(unit: Unit): Promise<void>
  isEmpty(): boolean
  /** The profiles that it changes. */
  keys(): readonly ProfileKey[]
  scopeOf(key: ProfileKey): Scope
  /** Executions of tasks that were refused a profile go to their namespace's. Returns how many there were. */
  overflow(refused: ReadonlySet<string>): number
  /** Why the unit cannot be made, of the reasons why profiles cannot be changed, by their ids. */
  reasonOf(unit: Unit, reasons: ReadonlyMap<string, unknown>): unknown
  changes(): readonly ProfileChange[]
  /** After the commit: the tasks' profiles that it changed. */
  taskFolds(): readonly TaskFold[]
  /** After the commit: which of the unit's executions were folded. */
  foldedOf(unit: Unit): readonly boolean[]
}

/** Executions folded without a pause. */
const foldsInOneStep = 64

/** An execution to fold, and where to say whether it was. */
interface Placed extends Finished {
  readonly folded: boolean[]
  readonly index: number
}

interface Part {
  readonly key: ProfileKey
  readonly finished: Placed[]
  readonly running: RunningUpdate[]
  scope: Scope
  before: Profile | undefined
  after: Profile | undefined
}

export function foldPlan(nowUnixMs: number, settings: FoldSettings): FoldPlan {
  const parts = new Map<string, Part>()
  const results = new Map<Unit, boolean[]>()

  function partOf(key: ProfileKey): Part {
    const id = profileId(key)
    const known = parts.get(id)
    if (known) return known
    const none = { scope: undefined, before: undefined, after: undefined }
    const part: Part = { key, finished: [], running: [], ...none }
    parts.set(id, part)
    return part
  }

  /** So many executions a step that others may go on in between; what runs is shown by the last. */
  function changesOf(part: Part): ProfileChange[] {
    const { key, finished, running } = part
    const steps: ProfileChange[] = []
    for (let from = 0; from === 0 || from < finished.length; from += foldsInOneStep) {
      const isLast = from + foldsInOneStep >= finished.length
      const change = (before: Profile | undefined) => {
        const step = from === 0 && isLast ? finished : finished.slice(from, from + foldsInOneStep)
        const { profile, folded } = foldAll(before, key, step, nowUnixMs, settings)
        let shown = profile
        if (isLast) for (const { reported } of running) shown = showRunning(shown, reported, settings)
        for (const [i, each] of step.entries()) each.folded[each.index] = folded[i] ?? false
        if (from === 0) part.before = before
        part.after = shown.revision === 0 ? before : shown
        return part.after
      }
      steps.push({ key, change })
    }
    return steps
  }

  /** Where executions of a task are folded. */
  const placeOf = (task: TaskKey): ProfileKey =>
    parts.get(profileId(ofTask(task)))?.key ?? ofNamespace(task.namespace)

  return {
    async add(unit) {
      const { finished, scope, isLate = false, running = [] } = unit
      const folded = new Array<boolean>(finished.length).fill(false)
      results.set(unit, folded)
      for (let index = 0; index < finished.length; index++) {
        if (turn.isOver()) await turn.rest()
        const record = finished[index] as ExecutionRecord
        const part = partOf(ofTask(record.task))
        part.scope ??= scope
        part.finished.push({
          record,
          estimate: readEstimateToken(record.estimateToken),
          isLate,
          folded,
          index,
        })
      }
      for (const update of running) partOf(ofTask(update.task)).running.push(update)
    },
    isEmpty: () => parts.size === 0,
    keys: () => [...parts.values()].map(({ key }) => key),
    scopeOf: (key) => parts.get(profileId(key))?.scope,
    overflow(refused) {
      let count = 0
      for (const id of refused) {
        const part = parts.get(id)
        if (part === undefined) continue
        parts.delete(id)
        const { key, finished } = part
        if (finished.length > 0) partOf(ofNamespace(key.namespace)).finished.push(...finished)
        count += finished.length
      }
      return count
    },
    reasonOf({ finished, running = [] }, reasons) {
      const keys = [...finished.map(({ task }) => placeOf(task)), ...running.map(({ task }) => ofTask(task))]
      const key = keys.find((each) => reasons.has(profileId(each)))
      if (key === undefined) return undefined
      const cause = reasons.get(profileId(key))
      const what = `the profile of ${JSON.stringify(key.task)} in ${key.namespace}`
      return cause instanceof ForesizeError
        ? new ForesizeError(cause.failure, `${what}: ${cause.message}`)
        : new ForesizeError('invalid', `${what} does not take what was reported`, { cause })
    },
    changes: () => [...parts.values()].flatMap(changesOf),
    taskFolds: () =>
      [...parts.values()].flatMap(({ key, before, after }) =>
        key.kind === 'task' && after !== undefined && after !== before ? [{ before, after }] : [],
      ),
    foldedOf: (unit) => results.get(unit) ?? [],
  }
}

const ofTask = ({ namespace, task }: TaskKey): ProfileKey => ({ namespace, kind: 'task', task })
const ofNamespace = (namespace: string): ProfileKey => ({ namespace, kind: 'namespace', task: '' })
