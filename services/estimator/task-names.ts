import { profileKeyOf } from '../../shared/domain/profile.ts'
import { type TaskKey, taskId } from '../../shared/domain/task.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { longestCompared, mostEdits, nearestNames } from './domain/estimate/nearest-names.ts'

/** The names of the tasks held, for what was meant by one that is not known. */
export interface TaskNames {
  /** Of a profile that is held from now on; one of a cohort or a namespace is passed over. */
  add(profileId: string): void
  delete(profileId: string): void
  /** Names of the same namespace that `task` may be a typing error of. */
  nearest(task: TaskKey): readonly string[]
}

interface Namespace {
  /** By length: a typing error hardly changes it. */
  readonly byLength: Map<number, Set<string>>
  /** When it last changed, counting the changes of all. */
  changedAt: number
}

/** Comparing may take so long in one turn of the event loop, milliseconds; further ones find no names. */
const turnBudgetMs = 5
/** Names compared between two looks at the clock. */
const stride = 32
/** Unknown tasks whose nearest names are remembered until their namespace changes. */
const mostRemembered = 1000

/** `maxCompared`: names that one unknown task is compared with, those of a similar length first. */
export function taskNames(maxCompared: number, monotonicMs: () => number): TaskNames {
  const namespaces = new Map<string, Namespace>()
  let changes = 0
  const remembered = recentlyUsed<{ readonly changedAt: number; readonly names: readonly string[] }>(
    mostRemembered,
  )
  /** Spent in this turn of the event loop. */
  let spentMs = 0

  function* ofSimilarLength({ byLength }: Namespace, length: number, untilMs: number): Iterable<string> {
    let compared = 0
    for (let step = 0; step <= 2 * mostEdits; step++) {
      // The length itself, one more, one less, two more…
      const other = length + (step % 2 === 1 ? 1 : -1) * Math.ceil(step / 2)
      for (const name of byLength.get(other) ?? []) {
        if (compared >= maxCompared || (compared % stride === 0 && monotonicMs() >= untilMs)) return
        compared++
        yield name
      }
    }
  }

  function compare(namespace: Namespace, task: string): readonly string[] {
    const startMs = monotonicMs()
    if (spentMs === 0) setImmediate(() => (spentMs = 0))
    const names = nearestNames(
      task,
      ofSimilarLength(namespace, task.length, startMs + turnBudgetMs - spentMs),
    )
    spentMs += monotonicMs() - startMs
    return names
  }

  return {
    add(profileId) {
      const { namespace, kind, task } = profileKeyOf(profileId)
      if (kind !== 'task') return
      const names = namespaces.get(namespace) ?? { byLength: new Map(), changedAt: 0 }
      namespaces.set(namespace, names)
      const alike = names.byLength.get(task.length) ?? new Set()
      names.byLength.set(task.length, alike.add(task))
      names.changedAt = ++changes
    },
    delete(profileId) {
      const { namespace, kind, task } = profileKeyOf(profileId)
      const names = kind === 'task' ? namespaces.get(namespace) : undefined
      const alike = names?.byLength.get(task.length)
      if (names === undefined || !alike?.delete(task)) return
      if (alike.size === 0) names.byLength.delete(task.length)
      if (names.byLength.size === 0) namespaces.delete(namespace)
      names.changedAt = ++changes
    },
    nearest(key) {
      const namespace = namespaces.get(key.namespace)
      if (namespace === undefined || key.task.length > longestCompared) return []
      const id = taskId(key)
      const known = remembered.get(id)
      if (known?.changedAt === namespace.changedAt) return known.names
      const names = compare(namespace, key.task)
      // What was cut short may find more in another turn.
      if (spentMs < turnBudgetMs) remembered.set(id, { changedAt: namespace.changedAt, names })
      return names
    },
  }
}
