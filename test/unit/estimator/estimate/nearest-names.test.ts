import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearestNames } from '../../../../services/estimator/domain/estimate/nearest-names.ts'
import { mostNearestNames } from '../../../../shared/domain/estimate.ts'

test.each([
  ['srot', ['sort', 'align'], ['sort']],
  ['input_byte', ['output_bytes', 'input_bytes', 'threads'], ['input_bytes']],
  ['Align/BWA', ['align/bwa', 'align/bwa2'], ['align/bwa', 'align/bwa2']],
  ['render', ['encode', 'publish'], []],
])('%s among %j is %j', (name, known, nearest) => {
  expect(nearestNames(name, known)).toEqual(nearest)
})

test('short names that have little in common are not taken for each other', () => {
  expect(nearestNames('a', ['b', 'c'])).toEqual([])
  expect(nearestNames('cat', ['sort'])).toEqual([])
})

test('the nearest come first, of equals the first by name, at most three', () => {
  const known = ['sorted', 'sort', 'sorts', 'sorta', 'sortb']
  expect(nearestNames('sort', known)).toEqual(['sort', 'sorta', 'sortb'])
})

test('a name of any length is answered at once: one that is too long is compared with none', () => {
  expect(nearestNames('a'.repeat(101), ['a'.repeat(100)])).toEqual([])
  expect(nearestNames('a'.repeat(99), ['a'.repeat(101), 'a'.repeat(100)])).toEqual(['a'.repeat(100)])
})

test('the order of the known names does not matter, and no more are named than may be', () => {
  const anyShort = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 5 })
  fc.assert(
    fc.property(anyShort, fc.uniqueArray(anyShort), (name, known) => {
      const nearest = nearestNames(name, known)
      expect(nearestNames(name, known.toReversed())).toEqual(nearest)
      expect(nearest.length).toBeLessThanOrEqual(mostNearestNames)
    }),
  )
})

test.each([
  ['three edits of eight letters', 'abcdefgh', 'abcdexyz', true],
  ['four of eight', 'abcdefgh', 'abcdwxyz', false],
  ['three letters more', 'abcdefgh', 'abcdefghxyz', true],
  ['four letters more', 'abcdefgh', 'abcdefghwxyz', false],
  ['one of two', 'ab', 'ax', true],
  ['two of three', 'abc', 'axy', false],
  ['two of four', 'abcd', 'abxy', true],
  ['one of one', 'a', 'b', false],
  ['half of the longer one', 'ab', 'abxy', true],
])('at most three edits, and at most half the length: %s', (_, name, other, isNear) => {
  expect(nearestNames(name, [other])).toEqual(isNear ? [other] : [])
  expect(nearestNames(other, [name])).toEqual(isNear ? [name] : [])
})

test('a name of 100 letters is compared', () => {
  expect(nearestNames('a'.repeat(100), ['a'.repeat(99)])).toEqual(['a'.repeat(99)])
})
