import fc from 'fast-check'
import { expect, test } from 'vitest'
import { heldProfiles } from '../../../services/estimator/held-profiles.ts'

const profile = (size = 100) => ({
  key: { namespace: '', kind: 1, task: '' } as const,
  bytes: new Uint8Array(size),
})

const roomy = { maxProfiles: 3, maxBytes: 1e9 }
const unnamed = { add() {}, delete() {} }

test('what was asked for least recently goes first', () => {
  const held = heldProfiles(roomy, unnamed)
  for (const id of ['a', 'b', 'c']) held.follow(id, profile())
  held.get('a')

  held.admit('d', profile())

  expect(held.get('b')).toBeUndefined()
  for (const id of ['a', 'c', 'd']) expect(held.get(id)).toBeDefined()
})

test('what was never asked for does not push out what was', () => {
  const held = heldProfiles(roomy, unnamed)
  for (const id of ['a', 'b', 'c', 'd']) held.follow(id, profile())

  expect(held.get('d')).toBeUndefined()
  expect(held.get('a')).toBeDefined()
  expect(held.complete).toBe(false)
})

test('a change is a new version; the same one is not', () => {
  const held = heldProfiles(roomy, unnamed)
  held.follow('a', profile())
  const first = held.get('a')

  expect(held.get('a')?.version).toBe(first?.version)
  held.follow('a', profile())
  expect(held.get('a')?.version).not.toBe(first?.version)
})

test('after a resync only what came since is left', () => {
  const held = heldProfiles(roomy, unnamed)
  for (const id of ['a', 'b']) held.follow(id, profile())
  held.beginGeneration()
  held.follow('b', profile())
  expect(held.get('a')).toBeDefined()

  held.forgetOlder()

  expect(held.get('a')).toBeUndefined()
  expect(held.get('b')).toBeDefined()
  expect(held.complete).toBe(true)
})

type Step = readonly ['get' | 'follow' | 'admit' | 'delete' | 'begin' | 'forget', string, number]

test('stays within its bounds and counts its bytes, whatever happens in whatever order', () => {
  const anyStep: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom('get', 'follow', 'admit', 'delete', 'begin', 'forget'),
    fc.constantFrom(...'abcdefghij'),
    fc.integer({ min: 1, max: 4000 }),
  )
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
      const limits = { maxProfiles: 5, maxBytes: 9000 }
      const names = new Set<string>()
      const held = heldProfiles(limits, names)
      for (const [what, id, size] of steps) {
        if (what === 'get') held.get(id)
        else if (what === 'delete') held.delete(id)
        else if (what === 'begin') held.beginGeneration()
        else if (what === 'forget') held.forgetOlder()
        else held[what](id, profile(size))
        expect(held.size).toBeLessThanOrEqual(limits.maxProfiles)
        expect(held.bytes).toBeLessThanOrEqual(limits.maxBytes)
        expect([...names].filter((name) => held.get(name) === undefined)).toEqual([])
        expect(names.size).toBe(held.size)
      }
      for (const id of 'abcdefghij') held.delete(id)
      expect([held.size, held.bytes]).toEqual([0, 0])
    }),
  )
})
