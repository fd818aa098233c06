import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeProfile,
  readGetProfileResponse,
  readWatchMessage,
} from '../../../services/estimator/profile-bytes.ts'
import { atOnce } from '../../../shared/domain/at-once.ts'
import { nothingFolded, type Profile } from '../../../shared/domain/profile.ts'
import * as gen from '../../../shared/wire/gen/foresize/v1/profile.ts'
import {
  GetProfileResponse,
  WatchProfilesResponse,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfile, fromProfileKey } from '../../../shared/wire/profile.ts'
import { anyProfile, anyProfileKey } from '../../support/arbitraries.ts'

const encodeProfile = (profile: Profile) => gen.Profile.encode(fromProfile(profile)).finish()

const withoutFolded = (profile: Profile) => encodeProfile({ ...profile, folded: nothingFolded })

test('a profile from the watch is read whole but for the fingerprints, which only the profiler needs', () => {
  fc.assert(
    fc.property(anyProfile, fc.string(), (profile, cursor) => {
      const change = { $case: 'profile', value: fromProfile(profile) } as const
      const message = readWatchMessage(WatchProfilesResponse.encode({ cursor, change }).finish())
      expect(message.cursor).toBe(cursor)
      if (message.change.kind !== 'profile') throw new Error('a profile was sent')
      expect(message.change.profile.key).toEqual(fromProfileKey(profile.key))
      expect(encodeProfile(atOnce(decodeProfile(message.change.profile)))).toEqual(withoutFolded(profile))
    }),
    { numRuns: 50 },
  )
})

test('so is one that was asked for', () => {
  fc.assert(
    fc.property(anyProfile, (profile) => {
      const bytes = GetProfileResponse.encode({ profile: fromProfile(profile) }).finish()
      const read = readGetProfileResponse(bytes)
      expect(read && encodeProfile(atOnce(decodeProfile(read)))).toEqual(withoutFolded(profile))
    }),
    { numRuns: 50 },
  )
  expect(readGetProfileResponse(new Uint8Array(0))).toBeUndefined()
})

test('what is held is smaller than what came by the fingerprints', () => {
  const [profile] = fc.sample(anyProfile, 1)
  if (profile === undefined) throw new Error('one was asked for')
  const full = { ...profile, folded: Float64Array.from({ length: 4096 }, (_, i) => i * 1e9) }
  const bytes = GetProfileResponse.encode({ profile: fromProfile(full) }).finish()

  expect(readGetProfileResponse(bytes)?.bytes.length).toBeLessThan(bytes.length - 30_000)
})

test('the other changes are told apart, and one that is newer than this program is passed over', () => {
  const kindOf = (change: WatchProfilesResponse['change']) =>
    readWatchMessage(WatchProfilesResponse.encode({ cursor: 'c', change }).finish()).change

  expect(kindOf({ $case: 'caughtUp', value: {} })).toEqual({ kind: 'caught-up' })
  expect(kindOf({ $case: 'resync', value: {} })).toEqual({ kind: 'resync' })
  expect(kindOf(undefined)).toEqual({ kind: 'unknown' })
  fc.assert(
    fc.property(anyProfileKey, (key) => {
      const wire = fromProfileKey(key)
      expect(kindOf({ $case: 'deleted', value: wire })).toEqual({ kind: 'deleted', key: wire })
    }),
    { numRuns: 20 },
  )
  const unknownField = new Uint8Array([0x0a, 0x01, 0x63, 0xfa, 0x01, 0x02, 0x08, 0x01])
  expect(readWatchMessage(unknownField)).toEqual({ cursor: 'c', change: { kind: 'unknown' } })
})

test('a profile newer than this program, or damaged, is refused loudly', () => {
  const [profile] = fc.sample(anyProfile, 1)
  if (profile === undefined) throw new Error('one was asked for')
  const received = (changed: Partial<typeof profile>) => {
    const message = { profile: fromProfile({ ...profile, ...changed }) }
    const read = readGetProfileResponse(GetProfileResponse.encode(message).finish())
    if (read === undefined) throw new Error('one was sent')
    return read
  }

  expect(() => atOnce(decodeProfile(received({ schemaVersion: 99 })))).toThrow(/schema version 99/)
  expect(() => atOnce(decodeProfile(received({ lastSeenUnixMs: Number.NaN })))).toThrow(/last_seen_unix_ms/)
})
