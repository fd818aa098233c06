import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namesSeen, observeNames } from '../../../../services/estimator/domain/features/names-seen.ts'

const after = (...executions: readonly (readonly string[])[]) => {
  const names = namesSeen()
  for (const one of executions) observeNames(names, one)
  return names
}

test('before any execution nothing was seen', () => {
  expect(after()).toEqual({ executions: 0, counts: new Map(), isComplete: true })
})

test('how many executions had a name', () => {
  fc.assert(
    fc.property(fc.array(fc.subarray([...'abcdef']), { minLength: 1 }), (executions) => {
      const names = after(...executions)
      const all = [...'abcdef']
      for (const name of all) {
        const having = executions.filter((one) => one.includes(name)).length
        expect(names.counts.get(name) ?? 0).toBe(having)
      }
      expect(names.executions).toBe(executions.length)
    }),
  )
})

test('names without end are not kept without end, and then none is called unknown', () => {
  const few = after(...Array.from({ length: 64 }, (_, i) => [`name-${i}`]))
  const many = after(...Array.from({ length: 65 }, (_, i) => [`name-${i}`]))
  expect([few.counts.size, few.isComplete]).toEqual([64, true])
  expect([many.counts.size, many.isComplete]).toEqual([64, false])
})

test('of more names than are kept, those that were kept are still seen', () => {
  const names = after(...Array.from({ length: 64 }, (_, i) => [`name-${i}`]))
  observeNames(names, ['name-0', 'name-63'])
  expect(names.isComplete).toBe(true)
  observeNames(names, ['another'])
  observeNames(names, ['name-0'])
  expect([names.counts.has('another'), names.isComplete]).toEqual([false, false])
})
