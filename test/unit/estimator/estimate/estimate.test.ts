import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerSettings, estimatorConfig } from '../../../../services/estimator/config.ts'
import {
  needQuantile,
  type PredictedNeed,
} from '../../../../services/estimator/domain/distribution/coverage.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import { contextOf } from '../../../../services/estimator/domain/estimate/context.ts'
import { recommend } from '../../../../services/estimator/domain/estimate/recommend.ts'
import { strategies } from '../../../../services/estimator/domain/strategies/index.ts'
import { decodeProfile, readGetProfileResponse } from '../../../../services/estimator/profile-bytes.ts'
import { atOnce } from '../../../../shared/domain/at-once.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { resourceLimits } from '../../../../shared/domain/resources.ts'
import { GetProfileResponse } from '../../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfile } from '../../../../shared/wire/profile.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { nastyHistory, nastyQuery } from '../../../support/nasty-profiles.ts'
import {
  defaultSettings,
  estimateOf,
  evidenceOfTask,
  learned,
  openAccess,
  queryOf,
} from '../../../support/queries.ts'

const { limits } = defaultSettings

const evidenceOf = (history: readonly ExecutionRecord[]) => evidenceOfTask(learned(profileOf(history)))

const runs = { numRuns: 80 }

test('every amount is finite, positive and within the bounds; quantiles are in order', () => {
  fc.assert(
    fc.property(nastyHistory, nastyQuery, (history, query) => {
      const { dimensions, confidence } = estimateOf(query, evidenceOf(history))
      expect(confidence >= 0 && confidence <= 1).toBe(true)
      for (const { dimension, allocation, expected, lower, upper, confidence: own } of dimensions) {
        const least = Math.min(
          limits.min[dimension] ?? 0,
          query.policy.max?.[dimension] ?? Number.POSITIVE_INFINITY,
        )
        expect(allocation).toBeGreaterThanOrEqual(least)
        expect(allocation).toBeLessThanOrEqual(limits.max[dimension] ?? 0)
        if (dimension === 'memoryBytes') {
          expect(allocation).toBeLessThanOrEqual(query.policy.max?.memoryBytes ?? Number.POSITIVE_INFINITY)
        }
        for (const value of [expected, lower, upper])
          expect(value > 0 && value <= resourceLimits[dimension]).toBe(true)
        expect(lower <= expected && expected <= upper).toBe(true)
        expect(own >= 0 && own <= 1).toBe(true)
      }
    }),
    runs,
  )
})

test('a higher risk never gives less of anything', () => {
  const anyRisk = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(nastyHistory, nastyQuery, anyRisk, anyRisk, (history, query, a, b) => {
      const evidence = evidenceOf(history)
      const at = (risk: number) =>
        estimateOf({ ...query, policy: { ...query.policy, targetCoverage: undefined, risk } }, evidence)
      const careful = at(Math.max(a, b)).dimensions
      for (const [i, { allocation }] of at(Math.min(a, b)).dimensions.entries()) {
        expect(careful[i]?.allocation).toBeGreaterThanOrEqual(allocation)
      }
    }),
    runs,
  )
})

test('a target coverage is reached by the estimate’s own confidence, unless a bound forbids it', () => {
  const anyTarget = fc.double({ min: 0.05, max: 0.99, noNaN: true })
  fc.assert(
    fc.property(nastyHistory, anyTarget, (history, targetCoverage) => {
      const answer = estimateOf(queryOf({ policy: { targetCoverage } }), evidenceOf(history))
      for (const { dimension, allocation, confidence, source } of answer.dimensions) {
        if (dimension === 'cpuCores' || source !== 'profile') continue
        if (allocation < (limits.max[dimension] ?? 0))
          expect(confidence).toBeGreaterThanOrEqual(targetCoverage)
      }
    }),
    runs,
  )
})

test('a profile that went over the wire gives, to the bit, the same answer', () => {
  fc.assert(
    fc.property(nastyHistory, nastyQuery, (history, query) => {
      const profile = profileOf(history)
      const bytes = GetProfileResponse.encode({ profile: fromProfile(profile) }).finish()
      const received = readGetProfileResponse(bytes)
      if (received === undefined) throw new Error('the profile was sent')
      const answer = (of: Profile) => estimateOf(query, evidenceOfTask(learned(of)))
      expect(answer(atOnce(decodeProfile(received)))).toEqual(answer(profile))
    }),
    runs,
  )
})

test('the least memory that is ever answered is a setting', () => {
  const tiny = evidenceOf([execution('t', { used: { memoryBytes: 2e6 } })])
  const least = (config: Record<string, number>) => {
    const settings = answerSettings(estimatorConfig.parse(config), strategies)
    return estimateOf(queryOf(), tiny, { settings }).resources.memoryBytes
  }
  expect(least({})).toBe(12 * 1024 ** 2)
  expect(least({ minMemoryBytes: 64e6 })).toBe(64e6)
})

const nothing = { task: undefined, similar: [], isUnreachable: false }

test('answers what is known, requested or has a default, with what each dimension’s answer is made of', () => {
  const history = [1e9, 1.1e9].map((memoryBytes, i) => execution(`e${i}`, { used: { memoryBytes } }))
  const answer = estimateOf(queryOf({ requested: { diskBytes: 7e9 } }), evidenceOf(history))
  expect(answer.dimensions.map(({ dimension, source }) => [dimension, source])).toEqual([
    ['cpuCores', 'default'],
    ['memoryBytes', 'profile'],
    ['diskBytes', 'request'],
    ['durationMs', 'default'],
  ])
  expect(answer.resources).toEqual(
    Object.fromEntries(answer.dimensions.map(({ dimension, allocation }) => [dimension, allocation])),
  )
  expect(answer.resources).toMatchObject({ cpuCores: 1, diskBytes: 7e9, durationMs: 3_600_000 })
  expect(answer).toMatchObject({ source: 'profile', executions: 2, profileRevision: 2 })
  expect(answer).toMatchObject({ variantByExecution: false })
  expect(answer.reason).toContain('2 executions')
  const [cpu, memory, disk] = answer.dimensions
  expect(cpu?.strategy).toBeUndefined()
  expect(memory?.strategy).toBeDefined()
  expect(memory?.predictions.length).toBe(Object.keys(strategies).length)
  // Memory and disk kill; CPU and duration do not.
  expect(answer.confidence).toBeCloseTo((memory?.confidence ?? 0) * (disk?.confidence ?? 0), 12)
})

test('without memory the first dimension leads', () => {
  const settings = { ...defaultSettings, defaults: { cpuCores: 2 } }
  const history = [execution('e', { used: { durationMs: 5000 } })]
  const answer = estimateOf(queryOf(), evidenceOf(history), { settings })
  expect(answer.source).toBe('default')
  expect(answer.reason).toContain('no history')
  expect(answer.confidence).toBe(1)
})

test('where nothing is known nothing is answered', () => {
  const settings = { ...defaultSettings, defaults: {} }
  expect(estimateOf(queryOf(), nothing, { settings })).toEqual({
    resources: {},
    confidence: 0,
    source: 'default',
    reason: 'nothing is known',
    dimensions: [],
    profileRevision: 0,
    executions: 0,
    variantByExecution: false,
    notices: [{ kind: 'unknown-task', subject: 'demo/task', nearest: [] }],
  })
})

test('a dimension that nothing is known of is left out', () => {
  const settings = { ...defaultSettings, defaults: { memoryBytes: 1e9 } }
  const failed = execution('k', { outcome: 'out-of-memory', used: {}, allocated: { gpuMemoryBytes: 1 } })
  const answer = estimateOf(queryOf({ requested: { diskBytes: 0 } }), evidenceOf([failed]), { settings })
  expect(answer.dimensions.map(({ dimension }) => dimension)).toEqual(['memoryBytes'])
})

test('expected, lower and upper are the median, the 5th and the 95th percentile, above what failed', () => {
  const history = Array.from({ length: 40 }, (_, i) =>
    execution(`e${i}`, { used: { memoryBytes: 1e9 * (1 + ((i * 7) % 40) / 40) } }),
  )
  const evidence = evidenceOf(history)
  const memory = (query: Partial<EstimateQuery>) =>
    estimateOf(queryOf(query), evidence).dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  const parts = { settings: defaultSettings, access: openAccess, workspace: createWorkspace() }
  const need = recommend(contextOf(queryOf(), evidence, parts), 'memoryBytes')?.need as PredictedNeed
  const first = memory({})
  expect([first?.lower, first?.expected, first?.upper]).toEqual(
    [0.05, 0.5, 0.95].map((q) => needQuantile(need, q)),
  )
  const retry = memory({ previousOutcome: 'out-of-memory', previousAllocation: { memoryBytes: 1.97e9 } })
  expect(retry).toMatchObject({ lower: 1.97e9, expected: 1.97e9, upper: first?.upper, source: 'escalation' })
})

test('no quantile is beyond what may be reported', () => {
  const policy = { max: { memoryBytes: 1e9 } }
  const query = queryOf({ requested: { memoryBytes: 100 * resourceLimits.memoryBytes }, policy })
  const memory = estimateOf(query, nothing).dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  expect(memory).toMatchObject({ upper: resourceLimits.memoryBytes, expected: resourceLimits.memoryBytes })
})

test('says what a failure was priced at and how likely a need above all seen is, where too little kills', () => {
  const { dimensions } = estimateOf(queryOf(), evidenceOf([execution('e'), execution('f')]))
  const of = (wanted: string) => dimensions.find(({ dimension }) => dimension === wanted)
  // Two executions, of no known feature.
  expect(of('memoryBytes')?.tailChance).toBeCloseTo(0.42 / 3, 12)
  expect(of('memoryBytes')?.failurePrice).toBeGreaterThan(0.5)
  for (const dimension of ['cpuCores', 'durationMs'])
    expect(of(dimension)).not.toMatchObject({ failurePrice: expect.anything() })
  const cold = estimateOf(queryOf(), { task: undefined, similar: [], isUnreachable: false })
  expect(cold.dimensions[0]).not.toMatchObject({ failurePrice: expect.anything() })
})

test('says what was left out, what bounded the amount, and that the profiler did not answer', () => {
  const access = { ...openAccess, faults: new Map([['p95', 'its breaker is open']]) }
  const evidence = { ...evidenceOf([execution('e')]), isUnreachable: true }
  const { reason, dimensions } = estimateOf(queryOf({ policy: { max: { memoryBytes: 5e8 } } }), evidence, {
    access,
  })
  expect(reason).toMatch(
    /^1 execution,.*; policy-max put .* to 477 MiB; left out: p95 \(its breaker is open\); the profiler did not answer$/,
  )
  expect(dimensions.find(({ dimension }) => dimension === 'memoryBytes')?.clamps).toMatchObject([
    { kind: 'policy-max', after: 5e8 },
  ])
  expect(estimateOf(queryOf(), evidenceOf([execution('e')])).reason).not.toContain('left out')
})
