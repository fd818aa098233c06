import { expect, test } from 'vitest'
import { type HealthFacts, healthOf } from '../../../services/scheduler/health.ts'

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
