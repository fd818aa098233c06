import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createBreakers } from '../../../services/estimator/breaker.ts'
import type { Answer } from '../../../services/estimator/domain/estimate/estimate.ts'
import { staleView } from '../../../services/estimator/domain/estimate/notices.ts'
import type { Estimator } from '../../../services/estimator/estimator.ts'
import { estimatorFigures, observedEstimator } from '../../../services/estimator/metrics.ts'
import type { Notice } from '../../../shared/domain/estimate.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { queryOf } from '../../support/queries.ts'

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
      nearestTasks: () => [],
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

test('notices are counted by kind, that of a stale view too, without a name', async () => {
  const notices: readonly Notice[] = [
    { kind: 'beyond-range', subject: 'input_bytes', number: 2, nearest: [] },
    { kind: 'unknown-feature', subject: 'secret', nearest: [] },
  ]
  const answer: Answer = {
    resources: {},
    confidence: 1,
    source: 'profile',
    reasons: [],
    dimensions: [],
    profileRevision: 1,
    executions: 9,
    variantByExecution: false,
    notices,
  }
  let stalenessMs = 0
  const estimator: Estimator = {
    estimate: () => answer,
    confidence: () => ({ ...answer, dimensions: [] }),
    accuracy: async () => [],
    age: () => ({ stalenessMs, stale: staleView(stalenessMs, 1000) }),
  }
  const registry = new Registry()
  const observed = observedEstimator(estimator, registry, () => 0)
  await observed.estimate(queryOf())
  stalenessMs = 2000
  await observed.estimate(queryOf())

  const text = await registry.metrics()
  for (const [kind, count] of [
    ['beyond-range', 2],
    ['unknown-feature', 2],
    ['stale-view', 1],
    ['clamped', 0],
  ]) {
    expect(text).toContain(`foresize_estimator_notices_total{kind="${kind}"} ${count}`)
  }
  expect(text).not.toMatch(/secret|input_bytes/)
})
