import { expect, test } from 'vitest'
import { ForesizeError, invalid } from '../../../shared/domain/errors.ts'

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
