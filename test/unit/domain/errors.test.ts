import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ForesizeError, invalid } from '../../../shared/domain/errors.ts'
import { clipped } from '../../../shared/domain/text.ts'

test('an error says its failure, its message and, to nobody but the log, its cause', () => {
  const cause = new Error('disk')
  const error = new ForesizeError('unavailable', 'not now', { cause })
  expect(error).toMatchObject({ name: 'ForesizeError', failure: 'unavailable', message: 'not now', cause })
  expect(new ForesizeError('conflict', 'x').violations).toEqual([])
})

test('bad input names every field that is wrong', () => {
  const violations = [
    { field: 'a', description: 'is missing' },
    { field: 'b[1]', description: 'is negative' },
  ]
  expect(invalid(violations)).toMatchObject({
    failure: 'invalid',
    message: 'a: is missing; b[1]: is negative',
    violations,
  })
})

test('a refusal names the first faults and counts the others, whatever there is of them', () => {
  const violations = Array.from({ length: 1000 }, (_, i) => ({
    field: `ends[${i}]`,
    description: 'is wrong',
  }))
  const error = invalid(violations)
  expect(error.message).toMatch(/^ends\[0\]: is wrong; .*ends\[7\]: is wrong; and 992 more$/)
  expect(error.violations).toEqual(violations)
  expect(invalid(violations.slice(0, 2)).message).toBe('ends[0]: is wrong; ends[1]: is wrong')
})

test('a message is short enough for trailers, and can be sent as UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (text) => {
      const messages = [
        new ForesizeError('invalid', text).message,
        invalid([{ field: text, description: text }]).message,
      ]
      // As grpc-js does.
      for (const message of messages) expect(encodeURI(message).length).toBeLessThan(10_000)
    }),
  )
})

test('a text is never cut within a character', () => {
  expect(clipped('😀😀', 3)).toBe('😀\ufffd…')
  expect(clipped('😀😀', 4)).toBe('😀😀')
})
