import type { Scope } from './room.ts'
import type { ProfileStore } from './store.ts'

export interface NamespaceSettings {
  /** Namespaces that have profiles. Default 1000. */
  readonly maxNamespaces: number
  /** The largest part of them for one tenant. Default 0.5. */
  readonly maxHeldShare: number
}

/** Which namespaces may be learned in: those that have profiles, and new ones as long as there may be more. */
export interface NamespacesLetIn {
  /** Lets in those that are new, as far as there may be more: before anything in them is taken. Throws what the store throws. */
  letIn(namespaces: readonly string[], scope: Scope): Promise<void>
  /** Why nothing may be learned in a namespace by whoever has that scope; undefined where it may, and is let in. */
  refusalOf(namespace: string, scope: Scope): string | undefined
  /** Asks the store which there are: with every tick. */
  refresh(): Promise<void>
}

/** Ticks after which one that was let in and still has no profile is forgotten. */
const claimTicks = 60

export function namespacesLetIn(store: ProfileStore, settings: NamespaceSettings): NamespacesLetIn {
  const { maxNamespaces, maxHeldShare } = settings
  /** Those that have profiles, as the store said last. */
  let known: ReadonlySet<string> = new Set()
  /** Those that were let in since, and at which tick: their first profile may not be stored yet. */
  const claimed = new Map<string, number>()
  let ticks = 0
  /** Those of which the store is being asked, and those for which it had no room, until the next tick. */
  const claiming = new Map<string, Promise<void>>()
  const denied = new Set<string>()

  const exists = (namespace: string) => known.has(namespace) || claimed.has(namespace)
  const asManyAsMayBe = (count: number) => `there are ${count} namespaces, as many as max_namespaces allows`

  function refusalOf(namespace: string, scope: Scope): string | undefined {
    if (known.has(namespace)) return undefined
    if (denied.has(namespace)) return asManyAsMayBe(maxNamespaces)
    if (!claimed.has(namespace)) {
      const count = known.size + claimed.size
      if (count >= maxNamespaces) return asManyAsMayBe(count)
      // Whoever may use all leaves room for those who may use a few.
      const own = scope === 'all' ? count : (scope?.filter(exists).length ?? 0)
      if (own >= Math.max(1, Math.floor(maxNamespaces * maxHeldShare)))
        return `the tenant has ${own} namespaces, its share of max_namespaces`
    }
    claimed.set(namespace, ticks)
    return undefined
  }

  async function claim(namespace: string): Promise<void> {
    try {
      if (await store.claimNamespace(namespace, maxNamespaces)) return
      claimed.delete(namespace)
      if (denied.size >= maxNamespaces) denied.clear()
      denied.add(namespace)
    } catch (error) {
      claimed.delete(namespace)
      throw error
    } finally {
      claiming.delete(namespace)
    }
  }

  return {
    refusalOf,
    async letIn(namespaces, scope) {
      const asked: (Promise<void> | undefined)[] = []
      for (const namespace of new Set(namespaces)) {
        const isNew = !exists(namespace)
        if (refusalOf(namespace, scope) !== undefined) continue
        if (isNew) claiming.set(namespace, claim(namespace))
        asked.push(claiming.get(namespace))
      }
      await Promise.all(asked)
    },
    async refresh() {
      ticks += 1
      denied.clear()
      known = new Set(await store.namespaces())
      for (const [namespace, tick] of claimed) {
        if (known.has(namespace) || ticks - tick > claimTicks) claimed.delete(namespace)
      }
    },
  }
}
