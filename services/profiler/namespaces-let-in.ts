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
  /** Why nothing may be learned in a namespace by whoever has that scope; undefined where it is known, or was let in. */
  refusalOf(namespace: string, scope: Scope): string | undefined
  /** Asks the store which there are: with every tick. */
  refresh(): Promise<void>
}

/** Ticks after which one that was let in and still has no profile is forgotten. */
const claimTicks = 60

export function namespacesLetIn(
  store: Pick<ProfileStore, 'namespaces' | 'claimNamespace'>,
  settings: NamespaceSettings,
): NamespacesLetIn {
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
  const asManyAsMayBe = (count: number) =>
    `there are ${Math.max(count, maxNamespaces)} namespaces, as many as max_namespaces allows`

  /** Of one that is new. */
  function noRoomFor(namespace: string, scope: Scope): string | undefined {
    const count = known.size + claimed.size
    if (denied.has(namespace) || count >= maxNamespaces) return asManyAsMayBe(count)
    // Whoever may use all leaves room for those who may use a few.
    const own = scope === 'all' ? count : (scope?.filter(exists).length ?? 0)
    if (own < Math.max(1, Math.floor(maxNamespaces * maxHeldShare))) return undefined
    return `the tenant has ${own} namespaces, its share of max_namespaces`
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
    refusalOf(namespace, scope) {
      if (known.has(namespace)) return undefined
      // What was denied may be forgotten again, at a tick since: there is no room here, only the store knows.
      if (!claimed.has(namespace)) return noRoomFor(namespace, scope) ?? asManyAsMayBe(0)
      claimed.set(namespace, ticks)
      return undefined
    },
    async letIn(namespaces, scope) {
      const asked: (Promise<void> | undefined)[] = []
      for (const namespace of new Set(namespaces)) {
        if (known.has(namespace)) continue
        if (!claimed.has(namespace)) {
          if (noRoomFor(namespace, scope) !== undefined) continue
          claiming.set(namespace, claim(namespace))
        }
        claimed.set(namespace, ticks)
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
