import { expect, test } from 'vitest'
import {
  addSamples,
  noUsage,
  type SampleColumns,
  usageOf,
} from '../../../../services/profiler/domain/usage.ts'

const columns = (given: Partial<SampleColumns>): SampleColumns => ({
  elapsedDeltaMs: [],
  cpuCores: [],
  memoryBytes: [],
  diskBytes: [],
  gpuMemoryBytes: [],
  ...given,
})

test('samples add up to a time, a mean of cores over it, and a peak of all else', () => {
  const totals = addSamples(
    noUsage,
    columns({
      elapsedDeltaMs: [100, 300],
      cpuCores: [1, 3],
      memoryBytes: [7, 5],
      diskBytes: [1, 2],
      gpuMemoryBytes: [3, 4],
    }),
  )
  expect(totals).toEqual({
    elapsedMs: 400,
    cpuCoreMs: 1000,
    cpuMeasuredMs: 400,
    peak: { memoryBytes: 7, diskBytes: 2, gpuMemoryBytes: 4 },
  })
  expect(usageOf(totals)).toEqual({
    cpuCores: 2.5,
    memoryBytes: 7,
    diskBytes: 2,
    gpuMemoryBytes: 4,
    durationMs: 400,
  })
})

test('cores are a mean over the time that they were measured in', () => {
  const measured = addSamples(noUsage, columns({ elapsedDeltaMs: [100], cpuCores: [4] }))
  const totals = addSamples(measured, columns({ elapsedDeltaMs: [300] }))
  expect(usageOf(totals)).toMatchObject({ cpuCores: 4, durationMs: 400 })
})

test('a peak stays when less or nothing follows', () => {
  const high = addSamples(noUsage, columns({ elapsedDeltaMs: [1], memoryBytes: [9] }))
  expect(addSamples(high, columns({ elapsedDeltaMs: [1], memoryBytes: [3] })).peak.memoryBytes).toBe(9)
  expect(addSamples(high, columns({ elapsedDeltaMs: [1] })).peak.memoryBytes).toBe(9)
})

test('what was not measured is unknown; a measured zero is zero', () => {
  expect(usageOf(noUsage)).toEqual({})
  const idle = addSamples(noUsage, columns({ elapsedDeltaMs: [10], cpuCores: [0], memoryBytes: [0] }))
  expect(usageOf(idle)).toEqual({ cpuCores: 0, memoryBytes: 0, durationMs: 10 })
})

test('exact totals win in every dimension', () => {
  const sampled = addSamples(
    noUsage,
    columns({ elapsedDeltaMs: [9], cpuCores: [9], memoryBytes: [9], diskBytes: [9], gpuMemoryBytes: [9] }),
  )
  const exact = { cpuCores: 1, memoryBytes: 2, diskBytes: 3, gpuMemoryBytes: 4, durationMs: 0 }
  expect(usageOf(sampled, exact)).toEqual(exact)
})
