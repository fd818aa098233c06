import { crc32 } from 'node:zlib'
import type { Profile } from '../../shared/domain/profile.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { grownBy } from './domain/folded-memory.ts'
import { checksumIn, DamagedRecord, openProfile, sealBehind } from './envelope.ts'

/** A profile as it was last stored: what its next delta is told apart from. */
export interface Base {
  /** Of the record stored last: whole, or a delta. */
  readonly checksum: number
  /** Of the record that is whole. */
  readonly wholeBytes: number
  /** Stored since, and their bytes. */
  readonly deltas: number
  readonly deltaBytes: number
  readonly executions: Profile['executions']
  readonly folded: Profile['folded']
}

/** Of a profile that lies whole, or whole with deltas behind it. */
export const baseOf = (
  { executions, folded }: Profile,
  sealed: Uint8Array,
  deltas: readonly Buffer[] = [],
): Base => ({
  checksum: checksumIn(lastOf(sealed, deltas)),
  wholeBytes: sealed.length,
  deltas: deltas.length,
  deltaBytes: deltas.reduce((sum, { length }) => sum + length, 0),
  executions,
  folded,
})

/** The sealed profile that was stored last. */
function lastOf(sealed: Uint8Array, deltas: readonly Buffer[]): Uint8Array {
  const last = deltas.at(-1)
  return last === undefined ? sealed : sealedIn(last)
}

/*
 * What a profile has become since the record before, whole or a delta, little endian:
 * 0 checksum of the record before u32 | 4 executions that were dropped since u32 | 8 fingerprints that were u32 |
 * 12 CRC-32 of bytes 0 to 11 u32 | 16 sealed profile that holds only the executions and fingerprints which are new
 */
const headBytes = 16

/** Beside a profile lie so many bytes of deltas, or as many as it has where that is more… */
const leastDeltaBytes = 32 * 1024

/** …in no more than so many: whoever reads the profile reads all of them. */
const mostDeltas = 64

export interface Delta {
  readonly delta: Buffer
  /** Where it lies behind the profile that is whole, from 0. */
  readonly index: number
  /** What the next one builds on. */
  readonly base: Base
}

/**
 * What has to be stored of a profile beside what is stored: of the two long lists only what was added [of a task that runs
 * often 0.5 KB for 31]; at once where that is short. Undefined where it did not grow out of the base, or where it is better stored
 * whole again.
 */
export function deltaOf(base: Base, profile: Profile): Delta | undefined | Promise<Delta | undefined> {
  if (base.deltas === mostDeltas) return undefined
  const executions = listGrownBy(base.executions, profile.executions)
  const folded = grownBy(base.folded, profile.folded)
  if (!executions || !folded) return undefined
  const news = { ...profile, executions: executions.added, folded: folded.added }
  const behind = (delta: Buffer): Delta | undefined => {
    const deltaBytes = base.deltaBytes + delta.length
    if (deltaBytes > Math.max(leastDeltaBytes, base.wholeBytes)) return undefined
    delta.writeUInt32LE(base.checksum, 0)
    delta.writeUInt32LE(executions.dropped, 4)
    delta.writeUInt32LE(folded.dropped, 8)
    delta.writeUInt32LE(crc32(delta.subarray(0, 12)), 12)
    return {
      delta,
      index: base.deltas,
      base: {
        checksum: checksumIn(sealedIn(delta)),
        wholeBytes: base.wholeBytes,
        deltas: base.deltas + 1,
        deltaBytes,
        executions: profile.executions,
        folded: profile.folded,
      },
    }
  }
  const sealed = sealBehind(headBytes, news)
  return sealed instanceof Promise ? sealed.then(behind) : behind(sealed)
}

/**
 * The deltas that follow a sealed profile, the oldest first. One of another record was left by an earlier program.
 * Throws: DamagedRecord.
 * @param at what lies in that place.
 */
export function deltasBehind(
  sealed: Uint8Array,
  at: (index: number) => Buffer | undefined,
): readonly Buffer[] {
  const found: Buffer[] = []
  for (;;) {
    const delta = at(found.length)
    if (!delta || !isDeltaOf(lastOf(sealed, found), delta)) return found
    found.push(delta)
  }
}

/** Whether the delta is of that very record, a sealed profile or what a delta holds. Throws: DamagedRecord. */
export function isDeltaOf(sealed: Uint8Array, delta: Buffer): boolean {
  if (delta.length < headBytes || delta.readUInt32LE(12) !== crc32(delta.subarray(0, 12))) {
    throw new DamagedRecord('the checksum of a delta does not match')
  }
  return delta.readUInt32LE(0) === checksumIn(sealed)
}

/** What the profile has become by its deltas, the oldest first. Law: what `deltaOf` was given last. Rejects as `openProfile`. */
export async function applyDeltas(whole: Profile, deltas: readonly Buffer[]): Promise<Profile> {
  if (deltas.length === 0) return whole
  let profile = whole
  const executions = whole.executions.slice()
  const folded = [...whole.folded]
  for (const delta of deltas) {
    if (turn.isOver()) await turn.rest()
    profile = await openProfile(sealedIn(delta))
    executions.splice(0, delta.readUInt32LE(4))
    executions.push(...profile.executions)
    folded.splice(0, delta.readUInt32LE(8))
    folded.push(...profile.folded)
  }
  return { ...profile, executions, folded: Float64Array.from(folded) }
}

/** The sealed profile within: for what stands in its header. */
export const sealedIn = (delta: Buffer): Buffer => delta.subarray(headBytes)

/** How a list that drops its oldest and adds at its end came about; undefined where it did not come from `before`. */
function listGrownBy<T>(
  before: readonly T[],
  after: readonly T[],
): { readonly dropped: number; readonly added: readonly T[] } | undefined {
  const kept = before.length === 0 ? 0 : after.lastIndexOf(before[before.length - 1] as T) + 1
  const dropped = before.length - kept
  if (dropped < 0 || (kept === 0 && dropped > 0)) return undefined
  for (let i = 0; i < kept; i++) if (after[i] !== before[dropped + i]) return undefined
  return { dropped, added: after.slice(kept) }
}
