import { type Codec, openProfile, sealProfile } from '../envelope.ts'
import type { Medium } from './local-store.ts'

/** Gone with the process. Profiles lie compressed, as on any other medium. */
export function memoryMedium(codec: Codec): Medium {
  const profiles = new Map<string, Uint8Array>()
  return {
    durability: 'memory',
    async *load() {},
    async *loadSessions() {},
    async read(key) {
      const sealed = profiles.get(key)
      return sealed && openProfile(sealed)
    },
    async write(changes) {
      for (const [key, profile] of changes) {
        if (profile) profiles.set(key, sealProfile(profile, codec))
        else profiles.delete(key)
      }
    },
    async quarantine(key) {
      profiles.delete(key)
    },
    async close() {},
  }
}
