import type { Profile } from '../../shared/domain/profile.ts'
import { decodeProfile, type ProfileBytes } from './profile-bytes.ts'

/** One profile in memory. A change makes a new one with a higher version. */
export interface HeldProfile {
  /** Of this process, not of the profiler: two different states never share it. */
  readonly version: number
  /** Throws: ForesizeError where it cannot be read. */
  read(): Profile
}

export interface HeldProfiles {
  /** As asked for: moves it to the warm end. */
  get(id: string): HeldProfile | undefined
  /** A change from the profiler. One that was never asked for and finds no room is not taken. */
  follow(id: string, profile: ProfileBytes): void
  /** What was asked for and fetched: room is made for it. */
  admit(id: string, profile: ProfileBytes): HeldProfile
  delete(id: string): void
  /** Everything held now is older than what follows, until `forgetOlder`. */
  beginGeneration(): void
  forgetOlder(): void
  /** Nothing was turned away or evicted since the last `beginGeneration`. */
  readonly complete: boolean
  readonly size: number
  readonly bytes: number
}

interface Entry {
  held: HeldProfile
  /** Encoded. */
  bytes: number
  generation: number
}

/** Memory that one profile takes beyond its bytes: key, map entry, array header. */
const overheadBytes = 512

/**
 * Least recently asked first out.
 * Law: never above `maxProfiles` nor `maxBytes` (encoded; plus one profile that is larger than all of it).
 */
export function heldProfiles(limits: {
  readonly maxProfiles: number
  readonly maxBytes: number
}): HeldProfiles {
  const entries = new Map<string, Entry>()
  let bytes = 0
  let versions = 0
  let generation = 0
  let complete = true

  const sizeOf = ({ bytes }: ProfileBytes) => bytes.length + overheadBytes

  const hasRoom = (more: number) => entries.size < limits.maxProfiles && bytes + more <= limits.maxBytes

  function remove(id: string): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    entries.delete(id)
    bytes -= entry.bytes
  }

  function put(id: string, profile: ProfileBytes): HeldProfile {
    const before = entries.get(id)
    const held: HeldProfile = { version: ++versions, read: () => decodeProfile(profile) }
    const entry = { held, bytes: sizeOf(profile), generation }
    bytes += entry.bytes - (before?.bytes ?? 0)
    if (before === undefined) entries.set(id, entry)
    else Object.assign(before, entry)
    return held
  }

  function evictDownTo(target: () => boolean, spare: string): void {
    for (const id of entries.keys()) {
      if (target()) return
      if (id === spare) continue
      remove(id)
      complete = false
    }
  }

  const within = () => entries.size <= limits.maxProfiles && bytes <= limits.maxBytes

  return {
    get(id) {
      const entry = entries.get(id)
      if (entry === undefined) return undefined
      entries.delete(id)
      entries.set(id, entry)
      return entry.held
    },
    follow(id, profile) {
      if (!entries.has(id) && !hasRoom(sizeOf(profile))) {
        complete = false
        return
      }
      put(id, profile)
      evictDownTo(within, id)
    },
    admit(id, profile) {
      const held = put(id, profile)
      evictDownTo(within, id)
      return held
    },
    delete: remove,
    beginGeneration() {
      generation++
      complete = true
    },
    forgetOlder() {
      for (const [id, entry] of entries) if (entry.generation !== generation) remove(id)
    },
    get complete() {
      return complete
    },
    get size() {
      return entries.size
    },
    get bytes() {
      return bytes
    },
  }
}
