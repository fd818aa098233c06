import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ProfileKey, profileId, profileKeyOf, profileKinds } from '../../../shared/domain/profile.ts'
import { taskId } from '../../../shared/domain/task.ts'

const part = fc.string({ unit: fc.constantFrom('a', 'b', '0', '1', '/', ' ', '€'), maxLength: 4 })
const key: fc.Arbitrary<ProfileKey> = fc.record({
  namespace: part,
  kind: fc.constantFrom(...profileKinds),
  task: part,
})

test('the id of a profile is read back as its key', () => {
  fc.assert(
    fc.property(key, (one) => {
      expect(profileKeyOf(profileId(one))).toEqual(one)
    }),
  )
})

test('two tasks never share an id', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(taskId(a) === taskId(b)).toBe(a.namespace === b.namespace && a.task === b.task)
    }),
  )
})
