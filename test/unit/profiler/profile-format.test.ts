import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DamagedRecord } from '../../../services/profiler/envelope.ts'
import { formatProfile, profileReader } from '../../../services/profiler/profile-format.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { anyProfile } from '../../support/arbitraries.ts'

test.each(['protobuf', 'json-lines'] as const)(
  'profiles are read back, however the file is cut: %s',
  (format) => {
    fc.assert(
      fc.property(
        fc.array(anyProfile, { maxLength: 3 }),
        fc.integer({ min: 1, max: 5000 }),
        (profiles, size) => {
          const file = Buffer.concat(profiles.map((profile) => formatProfile(profile, format)))
          const reader = profileReader(format)
          const read = []
          for (let at = 0; at < file.length; at += size)
            read.push(...reader.push(file.subarray(at, at + size)))
          read.push(...reader.end())

          expect(read.map((found) => 'message' in found && found.message.key)).toEqual(
            profiles.map((profile) => fromProfile(profile).key),
          )
        },
      ),
      { numRuns: 20 },
    )
  },
)

test('a length that goes on and on is damage', () => {
  const reader = profileReader('protobuf')
  const endless = Buffer.concat([Buffer.alloc(160, 0x80), Buffer.from([0])])

  expect(() => [...reader.push(endless)]).toThrow(DamagedRecord)
})

/** CPU time of reading bytes in pieces of a size, in milliseconds. */
function cpuMsOf(format: 'protobuf' | 'json-lines', file: Buffer, size: number): number {
  const reader = profileReader(format)
  const before = process.threadCpuUsage().user
  let found = 0
  for (let at = 0; at < file.length; at += size)
    for (const _ of reader.push(file.subarray(at, at + size))) found += 1
  expect(found).toBe(1)
  return (process.threadCpuUsage().user - before) / 1000
}

test.each([
  ['protobuf', Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x01]), Buffer.alloc(2 ** 21, 1)])],
  ['json-lines', Buffer.from(`${JSON.stringify({ text: 'x'.repeat(2 ** 21) })}\n`)],
] as const)('a profile in many small pieces costs what one in few costs: %s', (format, file) => {
  cpuMsOf(format, file, 2 ** 17)
  expect(cpuMsOf(format, file, 128)).toBeLessThan(20 * cpuMsOf(format, file, 2 ** 17))
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
