import { type ProfileKind, profileId, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { ProfileQuery } from '../store.ts'
import { compareText } from './text-order.ts'

/** Which profiles there are and when each was last seen: what a store on one host answers lists and counts from. */
export interface ProfileIndex {
  set(key: string, lastSeenUnixMs: number): void
  delete(key: string): void
  has(key: string): boolean
  /** Keys in order. */
  list(query: ProfileQuery): readonly string[]
  count(namespace: string, kind: ProfileKind): number
  size(): number
  namespaces(): readonly string[]
  /** One that is made meanwhile may come as well. */
  keys(): Iterable<string>
  isLastSeenBefore(key: string, unixMs: number): boolean
}

export function profileIndex(): ProfileIndex {
  const lastSeen = new Map<string, number>()
  /** Tasks in order, by namespace and kind. */
  const groups = new Map<string, string[]>()

  return {
    set(key, lastSeenUnixMs) {
      if (!lastSeen.has(key)) {
        const { group, task } = split(key)
        const tasks = groups.get(group) ?? []
        tasks.splice(position(tasks, task), 0, task)
        groups.set(group, tasks)
      }
      lastSeen.set(key, lastSeenUnixMs)
    },
    delete(key) {
      if (!lastSeen.delete(key)) return
      const { group, task } = split(key)
      const tasks = groups.get(group) ?? []
      tasks.splice(position(tasks, task), 1)
      if (tasks.length === 0) groups.delete(group)
    },
    has: (key) => lastSeen.has(key),
    list({ namespace, kind, prefix, after, limit }) {
      const tasks = groups.get(split(profileId({ namespace, kind, task: '' })).group) ?? []
      const found: string[] = []
      let at = position(tasks, compareText(after, prefix) > 0 ? after : prefix)
      if (after !== '' && tasks[at] === after) at += 1
      for (; at < tasks.length && found.length < limit; at++) {
        const task = tasks[at] as string
        if (!task.startsWith(prefix)) break
        found.push(profileId({ namespace, kind, task }))
      }
      return found
    },
    count: (namespace, kind) =>
      groups.get(split(profileId({ namespace, kind, task: '' })).group)?.length ?? 0,
    size: () => lastSeen.size,
    namespaces: () =>
      [...new Set([...groups.keys()].map((group) => profileKeyOf(group).namespace))].sort(compareText),
    keys: () => lastSeen.keys(),
    isLastSeenBefore: (key, unixMs) => (lastSeen.get(key) ?? unixMs) < unixMs,
  }
}

function split(key: string): { group: string; task: string } {
  const cut = key.lastIndexOf('\0')
  return { group: key.slice(0, cut), task: key.slice(cut + 1) }
}

/** First place whose task is not below. */
function position(tasks: readonly string[], task: string): number {
  let low = 0
  let high = tasks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareText(tasks[middle] as string, task) < 0) low = middle + 1
    else high = middle
  }
  return low
}
