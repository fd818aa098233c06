import { expect, test } from 'vitest'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'

test('the value used longest ago makes room; one that was read or set again stays', () => {
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
  expect([...values.values()]).toEqual([5])
  expect(dropped).toEqual([
    ['b', 2],
    ['c', 3],
  ])
})

test('a limit of nothing holds nothing', () => {
  const values = recentlyUsed<number>(0)
  values.set('a', 1)
  expect(values.get('a')).toBeUndefined()
})
