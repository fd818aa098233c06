import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namesCounter } from '../../../../services/estimator/domain/features/names-seen.ts'

const after = (...executions: readonly (readonly string[])[]) => {
  const names = namesCounter()
  for (const one of executions) names.observe(one)
  return names
}

test('before any execution nothing was seen', () => {
  const { executions, ever, always } = after()
  expect([executions, ever.size, always.size]).toEqual([0, 0, 0])
})

test('names that every execution had, and names that any had', () => {
  fc.assert(
    fc.property(fc.array(fc.subarray([...'abcdef']), { minLength: 1 }), (executions) => {
      const names = after(...executions)
      const all = [...'abcdef']
      expect([...names.ever].sort()).toEqual(
        all.filter((name) => executions.some((one) => one.includes(name))),
      )
      expect([...names.always].sort()).toEqual(
        all.filter((name) => executions.every((one) => one.includes(name))),
      )
      expect(names.executions).toBe(executions.length)
    }),
  )
})

test('names without end are not kept without end, and then none is called unknown', () => {
  const few = after(...Array.from({ length: 64 }, (_, i) => [`name-${i}`]))
  const many = after(...Array.from({ length: 65 }, (_, i) => [`name-${i}`]))
  expect([few.ever.size, few.isComplete]).toEqual([64, true])
  expect([many.ever.size, many.isComplete]).toEqual([64, false])
})

test('of more names than are kept, those that were kept are still seen', () => {
  const names = after(...Array.from({ length: 64 }, (_, i) => [`name-${i}`]))
  names.observe(['name-0', 'name-63'])
  expect(names.isComplete).toBe(true)
  names.observe(['another'])
  names.observe(['name-0'])
  expect([names.ever.has('another'), names.isComplete]).toEqual([false, false])
})

test('a name that the first execution lacked is not one that all had, however often it comes after', () => {
  expect([...after([], ['a'], ['a']).always]).toEqual([])
  expect([...after(['a', 'b'], ['b', 'c'], ['c', 'b']).always]).toEqual(['b'])
})
