import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  defaultSamplingSettings,
  newTaskRate,
  observeRate,
  sampleIntervalMs,
  type TaskRate,
} from '../../../../services/profiler/domain/sampling.ts'

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
