import type { Profile } from '../../../shared/domain/profile.ts'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { type Codec, openProfile, sealProfile } from '../envelope.ts'
import type { Medium } from './local-store.ts'

export interface MemorySettings {
  readonly codec: Codec
  /** Profiles that lie as they are: those written last, which the store before this one holds decoded as well. */
  readonly cachedProfiles: number
}

/** Gone with the process. Profiles that were not written for long lie compressed, as on any other medium. */
export function memoryMedium({ codec, cachedProfiles }: MemorySettings): Medium {
  const sealed = new Map<string, Uint8Array>()
  /** Those that are no longer among the latest, until they are sealed. */
  const leaving = new Map<string, Profile>()
  const latest = recentlyUsed<Profile>(cachedProfiles, (key, profile) => leaving.set(key, profile))
  function forget(key: string): void {
    latest.delete(key)
    leaving.delete(key)
    sealed.delete(key)
  }
  return {
    durability: 'memory',
    async *load() {},
    async *loadSessions() {},
    async read(key) {
      const bytes = sealed.get(key)
      return bytes ? openProfile(bytes) : (leaving.get(key) ?? latest.get(key))
    },
    async write(changes) {
      for (const [key, profile] of changes) {
        forget(key)
        if (profile) latest.set(key, profile)
      }
      for (const [key, profile] of leaving) {
        if (turn.isOver()) await turn.rest()
        sealed.set(key, await sealProfile(profile, codec))
        leaving.delete(key)
      }
    },
    async quarantine(key) {
      forget(key)
    },
    async close() {},
  }
}
