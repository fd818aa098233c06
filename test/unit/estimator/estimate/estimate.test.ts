import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerSettings, estimatorConfig } from '../../../../services/estimator/config.ts'
import { strategies } from '../../../../services/estimator/domain/strategies/index.ts'
import { decodeProfile, readGetProfileResponse } from '../../../../services/estimator/profile-bytes.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { resourceLimits } from '../../../../shared/domain/resources.ts'
import { GetProfileResponse } from '../../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfile } from '../../../../shared/wire/profile.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { nastyHistory, nastyQuery } from '../../../support/nasty-profiles.ts'
import { defaultSettings, estimateOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

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
      expect(answer(decodeProfile(received))).toEqual(answer(profile))
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
