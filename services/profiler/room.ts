import type { ProfileKey } from '../../shared/domain/profile.ts'
import { profileId } from '../../shared/domain/profile.ts'
import type { Session } from './domain/session.ts'
import type { ProfileStore } from './store.ts'

export interface RoomSettings {
  /** Profiles kept, of all kinds. Default 1,000,000. */
  readonly maxProfiles: number
  /** Profiles of tasks in one namespace; further tasks are folded into the namespace's profile only. Default 10,000. */
  readonly maxTasksPerNamespace: number
  /** Profiles of cohorts in one namespace; further ones are left out. Default 2000. */
  readonly maxCohortsPerNamespace: number
  /** The largest part of `maxProfiles` for one tenant. Default 0.5. */
  readonly maxHeldShare: number
}

/** Whose profile a new one would be: the namespaces of whoever reports; undefined where nobody was asked. */
export type Scope = Session['scope']

/** Whether there is room for new profiles. Those let in count at once: made anew for each commit. */
export interface Room {
  /** Why a profile may not be made. That of a namespace always may: it is where the others go. */
  refusalOf(key: ProfileKey, scope: Scope): Promise<string | undefined>
}

export function roomFor(store: ProfileStore, settings: RoomSettings): Room {
  const counts = new Map<string, number>()
  const ofTenant = Math.max(1, Math.floor(settings.maxProfiles * settings.maxHeldShare))

  async function counted(name: string, read: () => Promise<number>): Promise<number> {
    const count = counts.get(name) ?? (await read())
    counts.set(name, count)
    return count
  }

  const inNamespace = (namespace: string, kind: 'task' | 'cohort') =>
    counted(profileId({ namespace, kind, task: '' }), () => store.count(namespace, kind))

  const inAll = () => counted('', () => store.countProfiles())

  async function inScope(scope: Scope): Promise<number> {
    if (scope === undefined) return 0
    if (scope === 'all') return inAll()
    let sum = 0
    for (const namespace of scope) {
      sum += (await inNamespace(namespace, 'task')) + (await inNamespace(namespace, 'cohort'))
    }
    return sum
  }

  return {
    async refusalOf({ namespace, kind }, scope) {
      if (kind === 'namespace') return undefined
      const own = await inNamespace(namespace, kind)
      const limit = kind === 'task' ? settings.maxTasksPerNamespace : settings.maxCohortsPerNamespace
      if (own >= limit) return `the namespace has ${own} profiles of that kind, as many as it may`
      const all = await inAll()
      if (all >= settings.maxProfiles) return `there are ${all} profiles, as many as max_profiles allows`
      const tenants = await inScope(scope)
      if (tenants >= ofTenant) return `the tenant has ${tenants} profiles, its share of max_profiles`
      counts.set('', all + 1)
      counts.set(profileId({ namespace, kind, task: '' }), own + 1)
      return undefined
    },
  }
}
