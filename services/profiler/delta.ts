import { crc32 } from 'node:zlib'
import type { Profile } from '../../shared/domain/profile.ts'
import { checksumIn, DamagedRecord, openProfile, sealProfile } from './envelope.ts'

/** A profile as it was last stored whole: what later ones of the same task are told apart from. */
export interface Base {
  /** Of its record, and its length. */
  readonly checksum: number
  readonly bytes: number
  readonly executions: Profile['executions']
  readonly folded: Profile['folded']
}

export const baseOf = ({ executions, folded }: Profile, sealed: Uint8Array): Base => ({
  checksum: checksumIn(sealed),
  bytes: sealed.length,
  executions,
  folded,
})

/*
 * A profile that has grown out of a base, little endian:
 * 0 the base's checksum u32 | 4 executions of the base that were dropped u32 | 8 fingerprints of it that were u32 |
 * 12 CRC-32 of bytes 0 to 11 u32 | 16 sealed profile that holds only the executions and fingerprints which are new
 */
const headBytes = 16

/** Below so many bytes a delta is worth its while whatever its base. */
const alwaysWorthBytes = 1024

/**
 * What has to be stored of a profile beside its base: of the two long lists only what was added [of a task that runs
 * often 1 KB for 31]. Undefined where it did not grow out of the base, or has grown so much that it is better stored whole.
 */
export function deltaOf(base: Base, profile: Profile): Buffer | undefined {
  const executions = grownBy(base.executions, profile.executions)
  const folded = grownBy(base.folded, profile.folded)
  if (!executions || !folded) return undefined
  const sealed = sealProfile({ ...profile, executions: executions.added, folded: folded.added }, 'none')
  if (sealed.length > Math.max(alwaysWorthBytes, base.bytes / 2)) return undefined
  const delta = Buffer.allocUnsafeSlow(headBytes + sealed.length)
  delta.writeUInt32LE(base.checksum, 0)
  delta.writeUInt32LE(executions.dropped, 4)
  delta.writeUInt32LE(folded.dropped, 8)
  delta.writeUInt32LE(crc32(delta.subarray(0, 12)), 12)
  delta.set(sealed, headBytes)
  return delta
}

/** Whether the delta is of that very record. Throws: DamagedRecord. */
export function isDeltaOf(sealedBase: Uint8Array, delta: Buffer): boolean {
  if (delta.length < headBytes || delta.readUInt32LE(12) !== crc32(delta.subarray(0, 12))) {
    throw new DamagedRecord('the checksum of a delta does not match')
  }
  return delta.readUInt32LE(0) === checksumIn(sealedBase)
}

/** The profile that grew out of `base`. Law: what `deltaOf` was given. Throws as `openProfile`. */
export function applyDelta(base: Profile, delta: Buffer): Profile {
  const grown = openProfile(sealedIn(delta))
  return {
    ...grown,
    executions: [...base.executions.slice(delta.readUInt32LE(4)), ...grown.executions],
    folded: [...base.folded.slice(delta.readUInt32LE(8)), ...grown.folded],
  }
}

/** The sealed profile within: for what stands in its header. */
export const sealedIn = (delta: Buffer): Buffer => delta.subarray(headBytes)

/** How a list that drops its oldest and adds at its end came about; undefined where it did not come from `before`. */
function grownBy<T>(
  before: readonly T[],
  after: readonly T[],
): { readonly dropped: number; readonly added: readonly T[] } | undefined {
  const kept = before.length === 0 ? 0 : after.lastIndexOf(before[before.length - 1] as T) + 1
  const dropped = before.length - kept
  if (dropped < 0 || (kept === 0 && dropped > 0)) return undefined
  for (let i = 0; i < kept; i++) if (after[i] !== before[dropped + i]) return undefined
  return { dropped, added: after.slice(kept) }
}
