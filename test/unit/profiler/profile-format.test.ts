import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DamagedRecord } from '../../../services/profiler/envelope.ts'
import { formatProfile, profileReader } from '../../../services/profiler/profile-format.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { anyProfile } from '../../support/arbitraries.ts'

test('profiles are read back, however the file is cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyProfile, { maxLength: 3 }),
      fc.integer({ min: 1, max: 5000 }),
      (profiles, size) => {
        const file = Buffer.concat(profiles.map((profile) => formatProfile(profile, 'protobuf')))
        const reader = profileReader('protobuf')
        const read = []
        for (let at = 0; at < file.length; at += size) read.push(...reader.push(file.subarray(at, at + size)))
        read.push(...reader.end())

        expect(read.map((found) => 'message' in found && found.message.key)).toEqual(
          profiles.map((profile) => fromProfile(profile).key),
        )
      },
    ),
    { numRuns: 20 },
  )
})

test('a length that goes on and on is damage', () => {
  const reader = profileReader('protobuf')
  const endless = Buffer.concat([Buffer.alloc(160, 0x80), Buffer.from([0])])

  expect(() => [...reader.push(endless)]).toThrow(DamagedRecord)
})

test('any bytes end, in profiles, in errors or as damage', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const reader = profileReader('protobuf')
      try {
        expect([...reader.push(bytes), ...reader.end()].length).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedRecord)
      }
    }),
  )
})
