import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DamagedRecord } from '../../../../services/profiler/envelope.ts'
import { profileFromJson, profileToJson } from '../../../../services/profiler/stores/profile-json.ts'
import { profileSchemaVersion } from '../../../../shared/domain/profile.ts'
import { encodeProfile } from '../../../../shared/wire/profile-bytes.ts'
import { anyProfile } from '../../../support/arbitraries.ts'
import { exampleProfile } from '../../../support/example-profile.ts'

test('a profile in JSON reads back to the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(anyProfile, async (profile) => {
      const text = Buffer.from(await profileToJson(profile))
      expect(encodeProfile(await profileFromJson(text))).toEqual(encodeProfile(profile))
    }),
    { numRuns: 50 },
  )
})

test('it is readable: one line a field, one an execution', async () => {
  const lines = (await profileToJson(exampleProfile(3))).split('\n')
  expect(lines.find((line) => line.startsWith('  "revision": '))).toBe('  "revision": 3,')
  expect(lines.filter((line) => line.startsWith('    {"executionId"'))).toHaveLength(3)
})

const text = Buffer.from(await profileToJson(exampleProfile(2)))

test('torn at any offset it is damaged, not wrong', async () => {
  for (let length = 0; length < text.length - 1; length++) {
    await expect(profileFromJson(text.subarray(0, length))).rejects.toThrow(DamagedRecord)
  }
})

test('with any bit flipped it is damaged, or says the same in other words', async () => {
  const before = encodeProfile(exampleProfile(2))
  let harmless = 0
  for (let bit = 0; bit < text.length * 8; bit++) {
    const flipped = Buffer.from(text)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    try {
      expect(encodeProfile(await profileFromJson(flipped))).toEqual(before)
      harmless += 1
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
    }
  }
  expect(harmless).toBeLessThan(text.length)
})

test('one of a newer program is refused by name', async () => {
  const newer = await profileToJson({ ...exampleProfile(1), schemaVersion: profileSchemaVersion + 1 })
  const refusal = expect.objectContaining({ failure: 'unsupported' })
  await expect(profileFromJson(Buffer.from(newer))).rejects.toEqual(refusal)
})
