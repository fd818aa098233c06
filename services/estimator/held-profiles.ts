import type { Profile } from '../../shared/domain/profile.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { pieceBytes } from '../../shared/wire/message-pieces.ts'
import { decodeProfile, type ProfileBytes } from './profile-bytes.ts'
import type { TaskNames } from './task-names.ts'

/** One profile in memory. A change makes a new one with a higher version. */
export interface HeldProfile {
  /** Of this process, not of the profiler: two different states never share it. */
  readonly version: number
  /** To read it takes long, and so does to learn it. */
  readonly isLarge: boolean
  /** In steps, between which others may go on. Throws: ForesizeError where it cannot be read. */
  read(): Generator<undefined, Profile>
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
 * Least recently asked first out. Those held have their names in `names`.
 * Law: never above `maxProfiles` nor `maxBytes` (encoded; plus one profile that is larger than all of it).
 */
export function heldProfiles(
  limits: { readonly maxProfiles: number; readonly maxBytes: number },
  names: Pick<TaskNames, 'add' | 'delete'>,
): HeldProfiles {
  const entries = recentlyUsed<Entry>(limits.maxProfiles, evicted)
  let bytes = 0
  let versions = 0
  let generation = 0
  let complete = true

  const sizeOf = ({ bytes }: ProfileBytes) => bytes.length + overheadBytes

  const hasRoom = (more: number) => entries.size < limits.maxProfiles && bytes + more <= limits.maxBytes

  function evicted(id: string, entry: Entry): void {
    bytes -= entry.bytes
    names.delete(id)
    complete = false
  }

  function remove(id: string): void {
    bytes -= entries.peek(id)?.bytes ?? 0
    names.delete(id)
    entries.delete(id)
  }

  /** Makes room for it, and keeps it even where it is larger than all the room there is. */
  function put(id: string, profile: ProfileBytes): HeldProfile {
    const before = entries.peek(id)
    // A view would keep the whole chunk that the network delivered.
    const kept = new Uint8Array(profile.bytes)
    const held: HeldProfile = {
      version: ++versions,
      isLarge: kept.length > pieceBytes,
      read: () => decodeProfile({ bytes: kept }),
    }
    const entry = { held, bytes: sizeOf(profile), generation }
    bytes += entry.bytes - (before?.bytes ?? 0)
    if (before === undefined) {
      entries.set(id, entry)
      names.add(id)
    } else Object.assign(before, entry)
    for (const [oldest, old] of entries.entries()) {
      if (bytes <= limits.maxBytes) break
      if (oldest === id) continue
      entries.delete(oldest)
      evicted(oldest, old)
    }
    return held
  }

  return {
    get: (id) => entries.get(id)?.held,
    follow(id, profile) {
      if (entries.peek(id) === undefined && !hasRoom(sizeOf(profile))) complete = false
      else put(id, profile)
    },
    admit: put,
    delete: remove,
    beginGeneration() {
      generation++
      complete = true
    },
    forgetOlder() {
      for (const [id, entry] of entries.entries()) if (entry.generation !== generation) remove(id)
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
