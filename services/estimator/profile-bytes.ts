import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { Profile } from '../../shared/domain/profile.ts'
import * as gen from '../../shared/wire/gen/foresize/v1/profile.ts'
import { CaughtUp, Resync } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { inspectSteps } from '../../shared/wire/inspection.ts'
import { profileSteps } from '../../shared/wire/profile.ts'
import { decodeSteps } from '../../shared/wire/profile-bytes.ts'

/** A profile as it came, not yet decoded: a replica holds many, and is asked for few between two changes. */
export interface ProfileBytes {
  readonly key: gen.ProfileKey
  /**
   * The encoded profile without `folded`, which only the profiler needs and which is most of its bytes. It may lie in what the
   * network delivered: who keeps it copies it.
   */
  readonly bytes: Uint8Array
}

export type WatchChange =
  | { readonly kind: 'profile'; readonly profile: ProfileBytes }
  | { readonly kind: 'deleted'; readonly key: gen.ProfileKey }
  | { readonly kind: 'caught-up' | 'resync' | 'unknown' }

export interface WatchMessage {
  readonly cursor: string
  readonly change: WatchChange
}

/** Numbers of fields in proto/foresize/v1. Law: test/unit/estimator/profile-bytes.test.ts. */
const watchField = { cursor: 1, profile: 2, deleted: 3, caughtUp: 4, resync: 5 } as const
const getProfileField = { profile: 1 } as const
const profileField = { key: 1, folded: 10 } as const

/** Reads a WatchProfilesResponse, leaving its profile encoded. */
export function readWatchMessage(message: Uint8Array): WatchMessage {
  const reader = new BinaryReader(message)
  let cursor = ''
  let change: WatchChange = { kind: 'unknown' }
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === watchField.cursor) cursor = reader.string()
    else if (field === watchField.profile) change = { kind: 'profile', profile: readProfile(reader.bytes()) }
    else if (field === watchField.deleted) {
      change = { kind: 'deleted', key: gen.ProfileKey.decode(reader.bytes()) }
    } else if (field === watchField.caughtUp) {
      CaughtUp.decode(reader.bytes())
      change = { kind: 'caught-up' }
    } else if (field === watchField.resync) {
      Resync.decode(reader.bytes())
      change = { kind: 'resync' }
    } else reader.skip(wireType, field)
  }
  return { cursor, change }
}

/** Reads a GetProfileResponse, leaving its profile encoded. */
export function readGetProfileResponse(message: Uint8Array): ProfileBytes | undefined {
  const reader = new BinaryReader(message)
  let profile: ProfileBytes | undefined
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === getProfileField.profile) profile = readProfile(reader.bytes())
    else reader.skip(wireType, field)
  }
  return profile
}

/**
 * In steps, between which others may go on.
 * Throws: ForesizeError `unsupported` for one newer than this program, `invalid` for one that is damaged.
 */
export function* decodeProfile({ bytes }: Pick<ProfileBytes, 'bytes'>): Generator<undefined, Profile> {
  const message = yield* decodeSteps(bytes)
  return yield* inspectSteps((seen) => profileSteps(message, 'profile', seen))
}

function readProfile(bytes: Uint8Array): ProfileBytes {
  const reader = new BinaryReader(bytes)
  let key: gen.ProfileKey = { namespace: '', kind: 0, task: '' }
  const kept: Uint8Array[] = []
  let from = 0
  while (reader.pos < reader.len) {
    const start = reader.pos
    const [field, wireType] = reader.tag()
    if (field === profileField.key) key = gen.ProfileKey.decode(reader.bytes())
    else reader.skip(wireType, field)
    if (field === profileField.folded) {
      kept.push(bytes.subarray(from, start))
      from = reader.pos
    }
  }
  kept.push(bytes.subarray(from))
  return { key, bytes: joined(kept) }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  if (first !== undefined && parts.length === 1) return first
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
