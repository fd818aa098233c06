import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import {
  defaultSamplingSettings,
  newTaskRate,
  observeRate,
  sampleIntervalMs,
  type TaskRate,
} from '../../../../services/profiler/domain/sampling.ts'
import type { ProfileKey } from '../../../../shared/domain/profile.ts'
import { quantile } from '../../../../shared/domain/sketch.ts'
import { recordOf } from '../../../support/executions.ts'

const settings = { ...defaultSamplingSettings, maxReportedPerSecond: 50 }

/** Runs a task at a steady rate while its workers do what they are told. Reports per second at the end. */
function runSteadily(perSecond: number, seconds: number): { rate: TaskRate; fractions: number[] } {
  let rate = newTaskRate(0)
  const fractions: number[] = []
  let owed = 0
  for (let i = 0; i < perSecond * seconds; i++) {
    owed += rate.fraction
    if (owed < 1) continue
    owed -= 1
    rate = observeRate(rate, 1 / rate.fraction, (i * 1000) / perSecond, settings)
    fractions.push(rate.fraction)
  }
  return { rate, fractions }
}

test('a task that runs seldom is reported in full', () => {
  expect(runSteadily(20, 60).rate.fraction).toBe(1)
})

test('a frequent task is thinned to the rate that is wanted, its true rate stays known, and the share does not flutter', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 3000 }), (perSecond) => {
      const { rate, fractions } = runSteadily(perSecond, 60)
      expect(perSecond * rate.fraction).toBeLessThanOrEqual(settings.maxReportedPerSecond * 1.3)
      expect(perSecond * rate.fraction).toBeGreaterThan(settings.maxReportedPerSecond / 4)
      expect(rate.perSecond / perSecond).toBeGreaterThan(0.7)
      expect(rate.perSecond / perSecond).toBeLessThan(1.3)
      expect(new Set(fractions.slice(-Math.floor(fractions.length / 3))).size).toBeLessThanOrEqual(2)
    }),
    { numRuns: 20 },
  )
})

test('a task that calms down is reported in full again', () => {
  let { rate } = runSteadily(2000, 30)
  expect(rate.fraction).toBeLessThan(1)
  for (let i = 0; i < 60; i++) rate = observeRate(rate, 1 / rate.fraction, 30_000 + i * 2000, settings)
  expect(rate.fraction).toBe(1)
})

test('samples come further apart while many executions of a task are open', () => {
  expect(sampleIntervalMs(1, settings)).toBe(0)
  expect(sampleIntervalMs(1000, settings)).toBe(2048)
  expect(sampleIntervalMs(100_000, settings)).toBeGreaterThan(100_000)
})

/** The same numbers every time, evenly spread over [0, 1). Source: Weyl sequence of the golden ratio. */
const spreadOut = (i: number) => (i * 0.6180339887498949) % 1

test('reporting a fraction with its weight leaves counts, means and quantiles as they are', () => {
  const key: ProfileKey = { namespace: 'default', kind: 'task', task: 'task' }
  const needs = Array.from({ length: 8000 }, (_, i) => 1e6 * Math.exp(3 * spreadOut(i)))
  const profileOf = (reported: readonly number[], weight: number) =>
    foldAll(
      undefined,
      key,
      reported.map((memoryBytes, i) => ({ record: recordOf(`e${i}`, { memoryBytes }, { weight }) })),
      1.8e12,
      { ...defaultFoldSettings, maxFolded: 8000 },
    ).profile
  const all = profileOf(needs, 1)
  for (const fraction of [1 / 2, 1 / 8]) {
    const some = profileOf(needs.slice(0, needs.length * fraction), 1 / fraction)
    expect(some.outcomes).toEqual(all.outcomes)
    const [whole, part] = [all.statistics[0], some.statistics[0]]
    if (!whole || !part) throw new Error('nothing was learned')
    expect(part.weight).toBe(whole.weight)
    expect(Math.abs(part.mean / whole.mean - 1)).toBeLessThan(0.02)
    expect(Math.abs(Math.sqrt(part.variance / whole.variance) - 1)).toBeLessThan(0.02)
    for (const q of [0.05, 0.5, 0.95]) {
      const [a, b] = [quantile(whole.sketch, q) ?? 0, quantile(part.sketch, q) ?? 0]
      expect(Math.abs(b / a - 1)).toBeLessThan(0.04)
    }
  }
})

const at = (perSecond: number, fraction: number): TaskRate => ({ perSecond, fraction, atMs: 0 })
/** The rate with so little more that only the fraction can move. */
const judged = (perSecond: number, fraction: number) =>
  observeRate(at(perSecond, fraction), 1e-9, 0, settings)

test('a rate fades within its window and rises by what an execution stands for', () => {
  const { perSecond, atMs } = observeRate({ perSecond: 10, fraction: 1, atMs: 1000 }, 20, 6000, settings)
  expect(perSecond).toBeCloseTo(10 * Math.exp(-0.5) + 2, 12)
  expect(atMs).toBe(6000)
  expect(newTaskRate(7)).toEqual({ perSecond: 0, fraction: 1, atMs: 7 })
})

test.each([
  [49.9, 1, 1],
  [50.1, 1, 1 / 2],
  [100.1, 1 / 2, 1 / 4],
  [99.9, 1 / 2, 1 / 2],
  [1e9, 1, 2 ** -19],
])('at %d a second a fraction of %d becomes the next half that reports at most 50', (rate, before, after) => {
  expect(judged(rate, before).fraction).toBe(after)
})

test.each([
  [38, 1 / 2, 1 / 2],
  [37, 1 / 2, 1],
  [76, 1 / 4, 1 / 4],
  [74, 1 / 4, 1 / 2],
  [10, 1, 1],
])('at %d a second a fraction of %d goes back only below three eighths', (rate, before, after) => {
  expect(judged(rate, before).fraction).toBe(after)
})

test('samples come apart by powers of two, from where more than a hundredth of a second is between them', () => {
  expect(sampleIntervalMs(5, settings)).toBe(0)
  expect(sampleIntervalMs(6, settings)).toBe(16)
  expect(sampleIntervalMs(16, settings)).toBe(32)
  expect(sampleIntervalMs(17, settings)).toBe(64)
})
