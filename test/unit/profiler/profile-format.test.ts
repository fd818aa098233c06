import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DamagedRecord } from '../../../services/profiler/envelope.ts'
import { formatProfile, profileDecoder, profileReader } from '../../../services/profiler/profile-format.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { anyProfile } from '../../support/arbitraries.ts'

test.each(['protobuf', 'json-lines'] as const)(
  'profiles are read back, however the file is cut: %s',
  async (format) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyProfile, { maxLength: 3 }),
        fc.integer({ min: 1, max: 5000 }),
        async (profiles, size) => {
          const file = Buffer.concat(
            await Promise.all(profiles.map((profile) => formatProfile(profile, format))),
          )
          const reader = profileReader(format)
          const found: Buffer[] = []
          for (let at = 0; at < file.length; at += size)
            for (const content of reader.push(file.subarray(at, at + size))) found.push(Buffer.from(content))
          for (const content of reader.end()) found.push(Buffer.from(content))
          const read = await Promise.all(found.map(profileDecoder(format)))

          expect(read.map((each) => 'message' in each && each.message.key)).toEqual(
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
async function cpuMsOf(format: 'protobuf' | 'json-lines', file: Buffer, size: number): Promise<number> {
  const reader = profileReader(format)
  const decode = profileDecoder(format)
  const before = process.threadCpuUsage().user
  let found = 0
  for (let at = 0; at < file.length; at += size)
    for (const content of reader.push(file.subarray(at, at + size))) {
      await decode(content)
      found += 1
    }
  expect(found).toBe(1)
  return (process.threadCpuUsage().user - before) / 1000
}

/** Fields that the contract does not have, of 100 bytes each, and before them their length. */
const fields = Buffer.alloc(20_000 * 103, Buffer.from([0xa2, 0x06, 100, ...Buffer.alloc(100, 'x')]))
const lengthOfFields = Buffer.from([
  (fields.length & 127) | 128,
  ((fields.length >> 7) & 127) | 128,
  ((fields.length >> 14) & 127) | 128,
  fields.length >> 21,
])

test.each([
  ['protobuf', Buffer.concat([lengthOfFields, fields])],
  ['json-lines', Buffer.from(`${JSON.stringify({ texts: Array(20_000).fill('x'.repeat(100)) })}\n`)],
] as const)('a profile in many small pieces costs what one in few costs: %s', async (format, file) => {
  await cpuMsOf(format, file, 2 ** 17)
  const inFew = await cpuMsOf(format, file, 2 ** 17)
  expect(await cpuMsOf(format, file, 128)).toBeLessThan(20 * inFew)
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
