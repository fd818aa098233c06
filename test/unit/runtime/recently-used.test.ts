import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'

test('the value used longest ago makes room; one that was got or set again stays', () => {
  const dropped: [string, number][] = []
  const values = recentlyUsed<number>(2, (key, value) => dropped.push([key, value]))
  values.set('a', 1)
  values.set('b', 2)
  expect(values.get('a')).toBe(1)
  values.set('c', 3)
  expect(values.get('b')).toBeUndefined()
  values.set('a', 4)
  values.set('d', 5)
  expect(values.get('c')).toBeUndefined()
  values.delete('a')
  expect([...values.entries()]).toEqual([['d', 5]])
  expect(dropped).toEqual([
    ['b', 2],
    ['c', 3],
  ])
})

test('a limit of nothing holds nothing', () => {
  const values = recentlyUsed<number>(0)
  values.set('a', 1)
  expect(values.get('a')).toBeUndefined()
  expect(values.size).toBe(0)
})

type Step = readonly [what: 'get' | 'peek' | 'set' | 'delete' | 'clear', key: string]

test('in any order of use it holds what a list in order of last use would', () => {
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom('get', 'peek', 'set', 'delete', 'clear'),
    fc.constantFrom(...'abcdef'),
  )
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), fc.array(step, { maxLength: 60 }), (limit, steps) => {
      const dropped: string[] = []
      const values = recentlyUsed<number>(limit, (key) => dropped.push(key))
      let list: (readonly [key: string, value: number])[] = []
      const expected: string[] = []
      for (const [i, [what, key]] of steps.entries()) {
        const known = list.find(([other]) => other === key)
        const others = list.filter(([other]) => other !== key)
        if (what === 'get') {
          expect(values.get(key)).toBe(known?.[1])
          if (known) list = [...others, known]
        } else if (what === 'peek') expect(values.peek(key)).toBe(known?.[1])
        else if (what === 'delete') {
          values.delete(key)
          list = others
        } else if (what === 'set') {
          values.set(key, i)
          list = [...others, [key, i]]
          expected.push(...list.splice(0, list.length - limit).map(([oldest]) => oldest))
        } else {
          for (const [each] of values.entries()) values.delete(each)
          list = []
        }
        expect([...values.entries()]).toEqual(list)
        expect(values.size).toBe(list.length)
      }
      expect(dropped).toEqual(expected)
    }),
  )
})
