import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Resources } from '../../../../shared/domain/resources.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { nastyHistory, nastyQuery } from '../../../support/nasty-profiles.ts'
import {
  confidenceOf,
  defaultSettings,
  estimateOf,
  evidenceOfTask,
  learned,
  openAccess,
  queryOf,
} from '../../../support/queries.ts'

test('never falls as more is given, and without amounts is that of the estimate', () => {
  const anyBytes = fc.double({ min: 0, max: 16, noNaN: true }).map((decades) => 10 ** decades)
  fc.assert(
    fc.property(nastyHistory, nastyQuery, anyBytes, anyBytes, (history, query, a, b) => {
      const evidence = evidenceOfTask(learned(profileOf(history)))
      const of = (memoryBytes: number) => confidenceOf(query, { memoryBytes }, evidence).confidence
      expect(of(Math.max(a, b))).toBeGreaterThanOrEqual(of(Math.min(a, b)))
      const own = confidenceOf(query, undefined, evidence)
      expect(own.confidence).toBe(estimateOf(query, evidence).confidence)
    }),
    { numRuns: 80 },
  )
})

const nothing = { task: undefined, similar: [], isUnreachable: false }

const evidenceOf = (...uses: readonly Resources[]) =>
  evidenceOfTask(learned(profileOf(uses.map((used, i) => execution(`e${i}`, { used })))))

test('is joint over what kills and the duration, where amounts are given; CPU does not count', () => {
  const evidence = evidenceOf(
    { memoryBytes: 1e9, cpuCores: 1, durationMs: 1000, diskBytes: 5e9 },
    { memoryBytes: 2e9, cpuCores: 2, durationMs: 3000, diskBytes: 6e9 },
  )
  const given = { memoryBytes: 1.5e9, cpuCores: 0.01, durationMs: 2000, diskBytes: 5.5e9 }
  const { confidence, dimensions } = confidenceOf(queryOf(), given, evidence)
  expect(dimensions.map(({ dimension, allocation }) => [dimension, allocation])).toEqual(
    (['cpuCores', 'memoryBytes', 'diskBytes', 'durationMs'] as const).map((d) => [d, given[d]]),
  )
  const own = Object.fromEntries(dimensions.map((one) => [one.dimension, one.confidence]))
  for (const value of Object.values(own)) expect(value).toBeLessThan(1)
  expect(confidence).toBeCloseTo(
    (own['memoryBytes'] ?? 0) * (own['diskBytes'] ?? 0) * (own['durationMs'] ?? 0),
    12,
  )
})

test('of the estimate itself does not count the duration, which is no limit', () => {
  const evidence = evidenceOf({ memoryBytes: 1e9, durationMs: 1000 }, { memoryBytes: 2e9, durationMs: 3000 })
  const { confidence, dimensions } = confidenceOf(queryOf(), undefined, evidence)
  const memory = dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  expect(dimensions.map(({ dimension }) => dimension)).toContain('durationMs')
  expect(confidence).toBe(memory?.confidence)
})

test('after a failure is zero for what failed', () => {
  const query = queryOf({ previousOutcome: 'out-of-memory', previousAllocation: { memoryBytes: 1.5e9 } })
  const evidence = evidenceOf({ memoryBytes: 1e9 }, { memoryBytes: 2e9 })
  expect(confidenceOf(query, { memoryBytes: 1.5e9 }, evidence).confidence).toBe(0)
  expect(confidenceOf(query, { memoryBytes: 2.5e9 }, evidence).confidence).toBeGreaterThan(0)
})

test('names where memory’s answer comes from, else that of the first dimension', () => {
  const evidence = evidenceOf({ memoryBytes: 1e9 })
  const both = confidenceOf(queryOf(), { cpuCores: 1, memoryBytes: 1e9, durationMs: 1 }, evidence)
  expect(both).toMatchObject({ source: 'profile', executions: 1, profileRevision: 1 })
  expect(both.reason).toContain('1 execution,')
  const withoutMemory = confidenceOf(queryOf(), { cpuCores: 1, durationMs: 1 }, evidence)
  expect(withoutMemory.source).toBe('default')
  expect(withoutMemory.reason).toContain('no history')
})

test('is none where nothing is known of what was given', () => {
  const settings = { ...defaultSettings, defaults: {} }
  for (const given of [{}, { diskBytes: 5 }])
    expect(confidenceOf(queryOf(), given, nothing, { settings })).toEqual({
      confidence: 0,
      dimensions: [],
      source: 'default',
      reason: 'nothing is known',
      executions: 0,
      profileRevision: 0,
      notices: [{ kind: 'unknown-task', subject: 'demo/task', nearest: [] }],
    })
})

test('says what was left out, and that the profiler did not answer', () => {
  const access = { ...openAccess, faults: new Map([['p95', 'its breaker is open']]) }
  const evidence = { ...nothing, isUnreachable: true }
  expect(confidenceOf(queryOf(), { memoryBytes: 1 }, evidence, { access }).reason).toMatch(
    /; left out: p95 \(its breaker is open\); the profiler did not answer$/,
  )
})
