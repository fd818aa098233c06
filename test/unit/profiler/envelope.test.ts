import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openCheckpoint, sealCheckpoint } from '../../../services/profiler/checkpoint.ts'
import {
  codecs,
  DamagedRecord,
  lastSeenOf,
  openProfile,
  sealProfile,
} from '../../../services/profiler/envelope.ts'
import { profileSchemaVersion } from '../../../shared/domain/profile.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import { anyProfile } from '../../support/arbitraries.ts'
import { exampleProfile } from '../../support/example-profile.ts'

test.each(codecs)('what was sealed with %s opens as it was', async (codec) => {
  await fc.assert(
    fc.asyncProperty(anyProfile, async (profile) => {
      const sealed = await sealProfile(profile, codec)
      expect(encodeProfile(await openProfile(sealed))).toEqual(encodeProfile(profile))
      expect(lastSeenOf(sealed)).toBe(profile.lastSeenUnixMs)
    }),
    { numRuns: 30 },
  )
})

test.each(codecs)('torn at any offset, a profile sealed with %s is damaged, not wrong', async (codec) => {
  const sealed = await sealProfile(exampleProfile(3), codec)
  for (let length = 0; length < sealed.length; length++) {
    await expect(openProfile(sealed.subarray(0, length))).rejects.toThrow(DamagedRecord)
  }
})

test.each(codecs)('with any bit flipped, a profile sealed with %s is damaged, not wrong', async (codec) => {
  const sealed = await sealProfile(exampleProfile(3), codec)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Uint8Array.from(sealed)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    await expect(openProfile(flipped)).rejects.toThrow(DamagedRecord)
  }
})

test('a payload that claims or unpacks to more than it may is refused before it takes the memory', async () => {
  const sealed = Buffer.from(await sealProfile(exampleProfile(3), 'zlib'))
  sealed.writeUInt32LE(0xffff_ffff, 16)
  await expect(openProfile(sealed)).rejects.toThrow(/claims 4294967295 bytes/)
})

test('a profile of a newer program is refused by name, not put aside', async () => {
  const newer = await sealProfile({ ...exampleProfile(1), schemaVersion: profileSchemaVersion + 1 }, 'none')
  const refusal = expect.objectContaining({ failure: 'unsupported' })
  await expect(openProfile(newer)).rejects.toEqual(refusal)
  expect(() => lastSeenOf(newer)).toThrow(refusal)
})

test('a header that merely looks newer is damage', async () => {
  const flipped = Buffer.from(await sealProfile(exampleProfile(1), 'none'))
  flipped.writeUInt16LE(0x8001, 6)
  expect(() => lastSeenOf(flipped)).toThrow(DamagedRecord)
})

test.each(Array.from({ length: profileSchemaVersion }, (_, i) => i + 1))(
  'a profile written at schema version %i is read',
  async (version) => {
    const stored = readFileSync(new URL(`../../fixtures/profile-v${version}.bin`, import.meta.url))
    const profile = await openProfile(stored)
    expect(profile.schemaVersion).toBe(profileSchemaVersion)
    // It was written before a fold kept its time where the reporter gave none.
    const { executions, ...rest } = exampleProfile(40)
    const expected = { ...rest, executions: executions.map((each) => ({ ...each, endedAtUnixMs: 0 })) }
    expect(encodeProfile(profile)).toEqual(encodeProfile(expected))
  },
)

test.each(['parts', 'no parts'])(
  'a write of a session with %s opens as it was, and damaged at any byte it does not',
  (kind) => {
    const parts = new Map(
      kind === 'parts'
        ? [['kept', { value: Buffer.from('state'), counts: { x: 2 } }] as const, ['gone', undefined] as const]
        : [],
    )
    const checkpoint = { version: 3, owner: 'me', dueUnixMs: 1.8e12, parts }
    const sealed = sealCheckpoint('s', checkpoint)
    expect(openCheckpoint(sealed)).toEqual({ id: 's', ...checkpoint })
    for (let at = 0; at < sealed.length; at++) {
      expect(() => openCheckpoint(sealed.subarray(0, at))).toThrow(DamagedRecord)
      const flipped = Uint8Array.from(sealed)
      flipped[at] = (flipped[at] as number) ^ 0x10
      expect(() => openCheckpoint(flipped)).toThrow(DamagedRecord)
    }
  },
)
