import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerSettings, estimatorConfig } from '../../../services/estimator/config.ts'
import { confidenceOf, estimateOf } from '../../../services/estimator/domain/answer.ts'
import type { Evidence } from '../../../services/estimator/domain/case.ts'
import {
  extendProfile,
  type LearnedProfile,
  learnProfile,
} from '../../../services/estimator/domain/learned-profile.ts'
import { strategies } from '../../../services/estimator/domain/strategies/index.ts'
import { decodeProfile, readGetProfileResponse } from '../../../services/estimator/profile-bytes.ts'
import { summarise } from '../../../shared/domain/cohort.ts'
import type { EstimateQuery } from '../../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { Profile } from '../../../shared/domain/profile.ts'
import { resourceLimits } from '../../../shared/domain/resources.ts'
import { GetProfileResponse } from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { cohortOf, execution, linearHistory, profileOf } from '../../support/histories.ts'
import { nastyHistory, nastyQuery } from '../../support/nasty-profiles.ts'
import { defaultSettings, openGuard, queryOf } from '../../support/queries.ts'

const { limits } = defaultSettings

function learned(profile: Profile): LearnedProfile {
  return { ...learnProfile(profile, strategies, openGuard.guard), leftOut: new Map() }
}

const evidenceOf = (history: readonly ExecutionRecord[]): Evidence => ({
  task: learned(profileOf(history)),
  kin: [],
  unreachable: false,
})

const ask = (evidence: Evidence, query: EstimateQuery) =>
  estimateOf(query, evidence, defaultSettings, openGuard)

const plain = queryOf()

const runs = { numRuns: 80 }

test('every amount is finite, positive and within the bounds; quantiles are in order', () => {
  fc.assert(
    fc.property(nastyHistory, nastyQuery, (history, query) => {
      const { dimensions, confidence } = ask(evidenceOf(history), query)
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

test('a step up the risk knob never gives less of anything', () => {
  const anyRisk = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(nastyHistory, nastyQuery, anyRisk, anyRisk, (history, query, a, b) => {
      const evidence = evidenceOf(history)
      const at = (risk: number) =>
        ask(evidence, { ...query, policy: { ...query.policy, targetCoverage: undefined, risk } })
      const careful = at(Math.max(a, b)).dimensions
      for (const [i, { allocation }] of at(Math.min(a, b)).dimensions.entries()) {
        expect(careful[i]?.allocation).toBeGreaterThanOrEqual(allocation)
      }
    }),
    runs,
  )
})

test('a target coverage is met by what the answer itself says, unless a bound forbids it', () => {
  const anyTarget = fc.double({ min: 0.05, max: 0.99, noNaN: true })
  fc.assert(
    fc.property(nastyHistory, anyTarget, (history, targetCoverage) => {
      const answer = ask(evidenceOf(history), { ...plain, policy: { targetCoverage } })
      for (const { dimension, allocation, confidence, source } of answer.dimensions) {
        if (dimension === 'cpuCores' || source !== 'profile') continue
        if (allocation < (limits.max[dimension] ?? 0))
          expect(confidence).toBeGreaterThanOrEqual(targetCoverage)
      }
    }),
    runs,
  )
})

test('confidence never falls as more is given, and that of the estimate is the estimate’s', () => {
  const anyBytes = fc.double({ min: 0, max: 16, noNaN: true }).map((decades) => 10 ** decades)
  fc.assert(
    fc.property(nastyHistory, nastyQuery, anyBytes, anyBytes, (history, query, a, b) => {
      const evidence = evidenceOf(history)
      const of = (memoryBytes: number) =>
        confidenceOf(query, { memoryBytes }, evidence, defaultSettings, openGuard).confidence
      expect(of(Math.max(a, b))).toBeGreaterThanOrEqual(of(Math.min(a, b)))
      const own = confidenceOf(query, undefined, evidence, defaultSettings, openGuard)
      expect(own.confidence).toBe(ask(evidence, query).confidence)
    }),
    runs,
  )
})

test('learning one execution more is, to the bit, learning all anew', () => {
  fc.assert(
    fc.property(nastyHistory, nastyQuery, fc.integer({ min: 1, max: 40 }), (history, query, known) => {
      const first = history.slice(0, Math.min(known, history.length))
      const before = learned(profileOf(first))
      const after = profileOf(history)
      const extended = extendProfile(before, after, openGuard.guard)
      const anew = learned(after)
      const answer = (task: LearnedProfile) => ask({ task, kin: [], unreachable: false }, query)
      if (extended === undefined) expect(history.length).toBeGreaterThan(96)
      else expect(answer({ ...extended, leftOut: new Map() })).toEqual(answer(anew))
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
      const answer = (of: Profile) => ask({ task: learned(of), kin: [], unreachable: false }, query)
      expect(answer(decodeProfile(received))).toEqual(answer(profile))
    }),
    runs,
  )
})

test('once the buffer is full, what it holds is all that counts', () => {
  const history = linearHistory(200)
  const whole = profileOf(history)
  const held = { ...profileOf(whole.executions), revision: whole.revision, outcomes: whole.outcomes }
  const query = { ...plain, features: { input_bytes: 77e6 } }

  expect(whole.executions.length).toBeLessThan(history.length)
  expect(ask({ task: learned(whole), kin: [], unreachable: false }, query).dimensions).toEqual(
    ask({ task: learned(held), kin: [], unreachable: false }, query).dimensions,
  )
})

test('a killed attempt does not lower what is expected, and is no observation of a need', () => {
  const history = linearHistory(30)
  const killed = execution('killed', {
    features: { input_bytes: 20e6 },
    allocated: { memoryBytes: 60e6 },
    used: { memoryBytes: 59e6, durationMs: 500 },
    outcome: 'out-of-memory',
  })
  const query = { ...plain, features: { input_bytes: 20e6 } }
  const memory = (executions: readonly ExecutionRecord[]) =>
    ask(evidenceOf(executions), query).dimensions.find(({ dimension }) => dimension === 'memoryBytes')

  expect(memory([...history, killed])?.expected).toBeGreaterThanOrEqual(memory(history)?.expected ?? 0)
})

test('a run time of nothing counts as a millisecond: a failure is worth the same', () => {
  const memory = (durationMs: number, count: number) => {
    const history = Array.from({ length: count }, (_, i) =>
      execution(`quick-${i}`, { used: { memoryBytes: 1e9, durationMs } }),
    )
    return ask(evidenceOf(history), plain).dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  }
  for (const count of [1, 2, 20]) expect(memory(0, count)).toEqual(memory(1, count))
})

test('where no strategy is to be followed, all that are heard are: it is all that can be said', () => {
  const evidence = evidenceOf(linearHistory(30))
  const query = { ...plain, features: { input_bytes: 20e6 } }
  const unfollowed = estimateOf(query, evidence, defaultSettings, {
    ...openGuard,
    unfollowed: () => 'its breaker is open',
  })
  expect(unfollowed.resources).toEqual(ask(evidence, query).resources)
  expect(unfollowed.confidence).toBe(ask(evidence, query).confidence)
})

test('what others of the task were killed at raises an answer without history alike at every risk', () => {
  const cohort = learned(cohortOf('tool=x', [1e3, 1e6, 1e8, 1.45e9]))
  const killed = execution('killed', { outcome: 'out-of-memory', allocated: { memoryBytes: 1e9 }, used: {} })
  const evidence = { task: learned(profileOf([killed])), kin: [cohort], unreachable: false }
  const amounts = Array.from({ length: 21 }, (_, i) => {
    const { dimensions } = ask(evidence, { ...plain, policy: { risk: i / 20 } })
    return dimensions.find(({ dimension }) => dimension === 'memoryBytes')?.allocation ?? 0
  })
  expect(amounts).toEqual(amounts.toSorted((a, b) => a - b))
  expect(amounts[0]).toBeGreaterThan(1e9)
})

test('a retry goes above what failed, even where the query does not count its attempts', () => {
  const evidence = evidenceOf(linearHistory(10))
  const retry = (attempt: number) =>
    ask(evidence, {
      ...plain,
      attempt,
      previousOutcome: 'out-of-memory',
      previousAllocation: { memoryBytes: 5e9 },
    })
  expect(retry(1).resources.memoryBytes).toBeGreaterThan(5e9)
  expect(retry(1).resources).toEqual(retry(2).resources)
})

test('what is believed of kin without requests lies around what they use', () => {
  const kin = [learned(cohortOf('tool=x', [1e9, 1.1e9, 1.2e9]))]
  const { dimensions } = ask({ task: undefined, kin, unreachable: false }, plain)
  const memory = dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  expect(memory?.source).toBe('cohort')
  expect(memory?.lower).toBeGreaterThan(5e8)
  expect(memory?.upper).toBeLessThan(2e9)
  expect(memory?.confidence).toBeLessThan(1)
})

test('what executions under way use already counts where next to nobody was believed to need it', () => {
  const history = Array.from({ length: 30 }, (_, i) =>
    execution(`e${i}`, { used: { memoryBytes: 1e9 * (1 + 0.01 * (i % 5)), durationMs: 60_000 } }),
  )
  const { features, labels, requested, allocated } = execution('r', {})
  const under = (peaks: readonly number[]): Evidence => {
    const running = peaks.map((memoryBytes, i) => ({
      ...{ executionId: `r${i}`, attempt: 1, features, labels, requested, allocated },
      peak: { memoryBytes },
    }))
    return { task: learned({ ...profileOf(history), running }), kin: [], unreachable: false }
  }
  const usual = ask(under([]), plain)
  const sureOfUsual = (evidence: Evidence) =>
    confidenceOf(plain, usual.resources, evidence, defaultSettings, openGuard).confidence

  expect(ask(under([1e9, 5e8, 9e8]), plain).resources).toEqual(usual.resources)
  const few = under([4.4e9, 4e9])
  expect(sureOfUsual(few)).toBeLessThan(sureOfUsual(under([])))
  expect(ask(few, plain).reason).toContain('2 running executions use more')
  const retry = { attempt: 2, previousAllocation: usual.resources, previousOutcome: 'out-of-memory' as const }
  expect(ask(few, { ...plain, ...retry }).resources.memoryBytes).toBeCloseTo(1.05 * 4.4e9, 0)
  expect(ask(under(Array.from({ length: 16 }, () => 4e9)), plain).resources.memoryBytes).toBeGreaterThan(4e9)
})

test('says why a history does not answer', () => {
  const history = [1, 2, 3].map((i) =>
    execution(`e-${i}`, { features: {}, labels: {}, used: { memoryBytes: 1e9 } }),
  )
  const query = queryOf({ features: {}, labels: {}, requested: { memoryBytes: 4e9 } })
  const reason = (evidence: Evidence, strategy?: string, minExecutions = 1) => {
    const policy = strategy === undefined ? {} : { strategies: [strategy] }
    const settings = { ...defaultSettings, minExecutions }
    return estimateOf({ ...query, policy }, evidence, settings, openGuard).reason
  }
  const known = evidenceOf(history)
  expect(reason({ task: undefined, kin: [], unreachable: false })).toMatch(/^no history: what was requested/)
  expect(reason(known, 'ridge')).toMatch(/^none of the strategies asked .* after 3 executions: what was/)
  expect(reason(known, undefined, 5)).toMatch(/^3 executions of at least 5: what was requested/)
})

describe('what no execution has shown', () => {
  const history = (count: number, bytes: number, durationMs: number) =>
    Array.from({ length: count }, (_, i) =>
      execution(`u-${i}`, { features: {}, labels: {}, used: { memoryBytes: bytes, durationMs } }),
    )
  const given = (
    evidence: Evidence,
    more: Partial<EstimateQuery> = {},
    defaults = defaultSettings.defaults,
  ) => {
    const query = queryOf({ features: {}, labels: {}, ...more })
    return estimateOf(query, evidence, { ...defaultSettings, defaults }, openGuard).resources.memoryBytes ?? 0
  }

  test('is covered where running again costs more than the memory: by short tasks, and less the more has been seen', () => {
    const times = (count: number, durationMs: number) =>
      given(evidenceOf(history(count, 200e6, durationMs))) / 200e6
    expect(times(1, 1000)).toBeGreaterThan(1.7)
    expect(times(1, 1000)).toBeLessThanOrEqual(Math.exp(0.6) * (1 + 1e-9))
    expect(times(30, 1000)).toBeGreaterThan(1.15)
    expect(times(1, 36_000_000)).toBeLessThan(1.3)
    expect(times(30, 1000)).toBeLessThan(times(1, 1000))
  })

  test('is measured by the input: a small one is not given what only a large one needs', () => {
    const bySize = [1e7, 1e8, 3e8, 1e9].map((input_bytes, i) =>
      execution(`s-${i}`, {
        features: { input_bytes },
        labels: {},
        used: { memoryBytes: 2 * input_bytes, durationMs: 100 + input_bytes / 5e5 },
      }),
    )
    for (const risk of [0, 0.5, 1])
      expect(given(evidenceOf(bySize), { features: { input_bytes: 1e7 }, policy: { risk } })).toBeLessThan(
        1e8,
      )
  })

  test('of what kin request they are given what they used, not more', () => {
    const used = [1, 2, 3].map((i) =>
      execution(`k-${i}`, { requested: { memoryBytes: 4e9 }, used: { memoryBytes: 2e9 } }),
    )
    const cohort = {
      ...cohortOf('tool=x', []),
      members: used.map((one, i) => summarise(`kin/${i}`, 1, [one])),
    }
    const evidence = { task: undefined, kin: [{ ...learned(cohort), profile: cohort }], unreachable: false }
    const ratio = given(evidence, { requested: { memoryBytes: 4e9 } }) / 4e9
    expect(ratio).toBeGreaterThan(0.5)
    expect(ratio).toBeLessThan(0.6)
  })

  test('of unrelated tasks up to the default all but the rarest is covered, beyond it less', () => {
    const uses = Array.from({ length: 20 }, (_, i) => 50e6 * 1.3 ** i)
    const namespace = {
      ...cohortOf('', uses),
      key: { namespace: 'default', kind: 'namespace' as const, task: '' },
    }
    const evidence = {
      task: undefined,
      kin: [{ ...learned(namespace), profile: namespace }],
      unreachable: false,
    }
    const generous = given(evidence, {}, { memoryBytes: 100e9 })
    const middling = given(evidence, {}, { memoryBytes: 8e9 })
    const sparing = given(evidence, {}, { memoryBytes: 1e6 })
    expect(generous).toBeGreaterThan(middling)
    expect(middling).toBe(8e9)
    expect(sparing).toBeLessThan(8e9)
    expect(sparing).toBeGreaterThan(uses[17] ?? 0)
  })
})

test('a retry reaches the target coverage too, where what failed was not beyond all belief', () => {
  const evidence = evidenceOf(
    [1, 2].map((i) => execution(`r-${i}`, { features: {}, labels: {}, used: { memoryBytes: 1e9 } })),
  )
  const memoryAfter = (failed: number) =>
    ask(
      evidence,
      queryOf({
        attempt: 2,
        previousOutcome: 'out-of-memory',
        previousAllocation: { memoryBytes: failed },
        policy: { targetCoverage: 0.95 },
      }),
    ).dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  expect(memoryAfter(1.02e9)?.confidence).toBeGreaterThanOrEqual(0.95)
  expect(memoryAfter(1e11)?.allocation).toBeCloseTo(1.3e11, -3)
})

test('the least memory that is ever answered is a setting', () => {
  const tiny = evidenceOf([execution('t', { features: {}, labels: {}, used: { memoryBytes: 2e6 } })])
  const least = (config: Record<string, number>) => {
    const settings = answerSettings(estimatorConfig.parse(config), strategies)
    return estimateOf(queryOf(), tiny, settings, openGuard).resources.memoryBytes
  }
  expect(least({})).toBe(12 * 1024 ** 2)
  expect(least({ minMemoryBytes: 64e6 })).toBe(64e6)
})
