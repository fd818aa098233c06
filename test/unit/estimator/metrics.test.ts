import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createBreakers } from '../../../services/estimator/breaker.ts'
import { estimatorFigures } from '../../../services/estimator/metrics.ts'
import { createLog } from '../../../shared/runtime/log.ts'

test('a breaker that is open shows, whatever opened it', async () => {
  const breakers = createBreakers(
    {
      windowMs: 60_000,
      resetMs: 60_000,
      errorThresholdPercent: 50,
      minTries: 2,
      minTriesUnreliable: 2,
      fitBudgetMs: 1000,
    },
    { monotonicMs: () => performance.now(), log: createLog('test', 'silent') },
  )
  const registry = new Registry()
  estimatorFigures(registry, {
    replica: {
      lookup: () => 'unknown',
      fetch: async () => 'unknown',
      stalenessMs: () => 0,
      profiles: 0,
      bytes: 0,
      close: async () => {},
    },
    breakers,
    strategies: ['faulty', 'poor', 'good'],
    profilerBreaker: { opened: false, run: (call) => call(), reached() {} },
    limits: { replicaMaxProfiles: 1, replicaMaxBytes: 1 },
    server: () => ({
      calls: new Map(),
      refusals: new Map(),
      connections: 0,
      turnedAwayConnections: 0,
      certificateExpiryUnixSeconds: undefined,
      heldBytes: 0,
    }),
  })
  for (let i = 0; i < 4; i++) {
    breakers.report('faulty', 'fault', 'it threw')
    breakers.report('poor', 'unreliable', 'its record is poor')
    breakers.report('good', 'fault', undefined)
  }
  const text = await registry.metrics()
  breakers.close()

  for (const [name, open] of [
    ['faulty', 1],
    ['poor', 1],
    ['good', 0],
  ]) {
    expect(text).toContain(`foresize_estimator_breaker_open{breaker="strategy/${name}"} ${open}`)
  }
})
