import { expect, test } from 'vitest'
import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'

test('the value used longest ago makes room; one that was read or set again stays', () => {
  const values = recentlyUsed<number>(2)
  values.set('a', 1)
  values.set('b', 2)
  expect(values.get('a')).toBe(1)
  values.set('c', 3)
  expect(values.get('b')).toBeUndefined()
  values.set('a', 4)
  values.set('d', 5)
  expect(values.get('c')).toBeUndefined()
  expect([...values.values()]).toEqual([4, 5])
})

test('a limit of nothing holds nothing', () => {
  const values = recentlyUsed<number>(0)
  values.set('a', 1)
  expect(values.get('a')).toBeUndefined()
})
