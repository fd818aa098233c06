import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as gen from '../../../shared/wire/gen/foresize/v1/profile.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import { anyProfile } from '../../support/arbitraries.ts'
import { recordOf } from '../../support/executions.ts'

test('the bytes of a profile are those of the generated encoder, at the first time and again', () => {
  fc.assert(
    fc.property(anyProfile, (profile) => {
      const generated = Buffer.from(gen.Profile.encode(fromProfile(profile)).finish())
      expect(Buffer.from(encodeProfile(profile))).toEqual(generated)
      expect(Buffer.from(encodeProfile(profile))).toEqual(generated)
    }),
  )
})

test('a profile that cannot be encoded leaves nothing in the next one', () => {
  fc.assert(
    fc.property(anyProfile, (profile) => {
      const wrong = { ...profile, executions: [recordOf('wrong', {}, { attempt: -1 })] }
      expect(() => encodeProfile(wrong)).toThrow()
      expect(encodeProfile(profile)).toEqual(Buffer.from(gen.Profile.encode(fromProfile(profile)).finish()))
    }),
  )
})
