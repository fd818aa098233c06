import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UsageSample } from '../../../workers/typescript/sampler.ts'
import { thin, toUsageSamples } from '../../../workers/typescript/samples.ts'

const samplesOf = (max: number) =>
  fc
    .array(
      fc.record({
        deltaMs: fc.integer({ min: 1, max: 5000 }),
        cpuCores: fc.double({ min: 0, max: 64, noNaN: true }),
        memoryBytes: fc.integer({ min: 0, max: 1e12 }),
      }),
      { minLength: 1, maxLength: max },
    )
    .map((steps): UsageSample[] => {
      let elapsedMs = 0
      return steps.map(({ deltaMs, cpuCores, memoryBytes }) => {
        elapsedMs += deltaMs
        return { elapsedMs, cpuCores, memoryBytes }
      })
    })

const cpuSeconds = (samples: readonly UsageSample[]) =>
  samples.reduce(
    (sum, { cpuCores, elapsedMs }, i) =>
      sum + ((cpuCores ?? 0) * (elapsedMs - (samples[i - 1]?.elapsedMs ?? 0))) / 1000,
    0,
  )
const peak = (samples: readonly UsageSample[]) =>
  Math.max(...samples.map(({ memoryBytes }) => memoryBytes ?? 0))

test('thinning keeps the peak, the CPU seconds and the end, with half the samples', () => {
  fc.assert(
    fc.property(samplesOf(60), (samples) => {
      const thinned = [...samples]
      const gone = thin({ samples: thinned, sinceMs: 0 })
      expect(thinned.length).toBe(Math.ceil(samples.length / 2))
      expect(gone).toBe(samples.length - thinned.length)
      expect(peak(thinned)).toBe(peak(samples))
      expect(cpuSeconds(thinned)).toBeCloseTo(cpuSeconds(samples), 6)
      expect(thinned.at(-1)?.elapsedMs).toBe(samples.at(-1)?.elapsedMs)
    }),
  )
})

test('thinning again and again ends with one sample that knows the peak', () => {
  fc.assert(
    fc.property(samplesOf(200), (samples) => {
      const thinned = [...samples]
      while (thinned.length > 1) thin({ samples: thinned, sinceMs: 0 })
      expect(thinned[0]?.memoryBytes).toBe(peak(samples))
    }),
  )
})

test('on the wire the times are deltas that add up to the elapsed time, to the millisecond', () => {
  fc.assert(
    fc.property(samplesOf(50), (samples) => {
      const { elapsedDeltaMs } = toUsageSamples('x', samples)
      const total = elapsedDeltaMs.reduce((sum, delta) => sum + delta, 0)
      expect(total).toBe(Math.round(samples.at(-1)?.elapsedMs ?? 0))
      expect(elapsedDeltaMs.every((delta) => Number.isInteger(delta) && delta >= 0)).toBe(true)
    }),
  )
})

test('columns are of equal length or empty, filled from their neighbours', () => {
  const message = toUsageSamples('x', [
    { elapsedMs: 1.4 },
    { elapsedMs: 1.2, memoryBytes: 5 },
    { elapsedMs: 9, diskBytes: 7 },
  ])
  expect(message).toEqual({
    executionId: 'x',
    elapsedDeltaMs: [1, 0, 8],
    cpuCores: [],
    memoryBytes: [5, 5, 5],
    diskBytes: [7, 7, 7],
    gpuMemoryBytes: [],
  })
})
