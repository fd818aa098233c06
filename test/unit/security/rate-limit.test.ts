import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRateLimit } from '../../../shared/rpc/rate-limit.ts'

test('in any span no key takes more than its burst and its rate', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 200 })), { maxLength: 300 }),
      (perSecond, asks) => {
        const limit = createRateLimit(perSecond, 10)
        const taken = new Map<string, number>()
        let nowMs = 0
        for (const [key, waitMs] of asks) {
          nowMs += waitMs
          if (limit.take(key, nowMs)) taken.set(key, (taken.get(key) ?? 0) + 1)
        }
        for (const count of taken.values()) {
          expect(count).toBeLessThanOrEqual(perSecond + (nowMs / 1000) * perSecond + 1e-6)
        }
      },
    ),
  )
})

test('one key that has used up its share takes nothing from another, and gets it back with time', () => {
  const limit = createRateLimit(2, 10)
  expect([limit.take('a', 0), limit.take('a', 0), limit.take('a', 0)]).toEqual([true, true, false])
  expect(limit.take('b', 0)).toBe(true)
  expect([limit.take('a', 500), limit.take('a', 500)]).toEqual([true, false])
})

test('keys are bounded: the oldest is forgotten and starts anew', () => {
  const limit = createRateLimit(1, 2)
  expect(limit.take('a', 0)).toBe(true)
  expect(limit.take('b', 0)).toBe(true)
  expect(limit.take('c', 0)).toBe(true)
  expect(limit.take('a', 0)).toBe(true)
  expect(limit.take('c', 0)).toBe(false)
})

test('0 means no limit', () => {
  const limit = createRateLimit(0, 1)
  for (let i = 0; i < 1000; i++) expect(limit.take('a', 0)).toBe(true)
})
