import { expect, test } from 'vitest'
import { createAnswerCache } from '../../../services/scheduler/answer-cache.ts'
import { type HealthFacts, healthOf } from '../../../services/scheduler/health.ts'

test('answers keep their age, and the least recently used is forgotten first', () => {
  let now = 0
  const cache = createAnswerCache<string>(2, () => now)
  cache.set('a', 'A')
  now = 5
  cache.set('b', 'B')
  now = 8
  expect(cache.get('a')).toEqual({ value: 'A', ageMs: 8 })
  cache.set('c', 'C')
  expect(cache.get('b')).toBeUndefined()
  expect(cache.get('a')?.value).toBe('A')
  expect(cache.size).toBe(2)
})

const well: HealthFacts = {
  isBreakerOpen: false,
  isBreakerHalfOpen: false,
  consecutiveFailures: 0,
  lastError: undefined,
  stalenessMs: 0,
  maxStalenessMs: 60_000,
}

test.each<[string, Partial<HealthFacts>, string, number]>([
  ['all well', {}, 'HEALTHY', 0],
  ['one failure', { consecutiveFailures: 1, lastError: 'x' }, 'DEGRADED', 1],
  ['trying again', { isBreakerHalfOpen: true }, 'DEGRADED', 1],
  ['an estimator that has lost the profiler', { stalenessMs: 61_000 }, 'DEGRADED', 1],
  ['failing on and on', { consecutiveFailures: 3, lastError: 'x' }, 'UNAVAILABLE', 1],
  ['an open breaker', { isBreakerOpen: true, consecutiveFailures: 9, lastError: 'x' }, 'UNAVAILABLE', 2],
])('%s', (_, facts, state, reasons) => {
  const health = healthOf({ ...well, ...facts })
  expect(health.state).toBe(state)
  expect(health.reasons).toHaveLength(reasons)
})
