import { expect, test } from 'vitest'
import { statisticsFold } from '../../../../services/profiler/domain/statistics.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { DimensionStatistics } from '../../../../shared/domain/profile.ts'
import type { Resources } from '../../../../shared/domain/resources.ts'
import { quantile, sketchWeight } from '../../../../shared/domain/sketch.ts'
import { recordOf } from '../../../support/executions.ts'

function observedAfter(
  before: readonly DimensionStatistics[],
  factor: number,
  ...records: readonly ExecutionRecord[]
): readonly DimensionStatistics[] {
  const statistics = statisticsFold(before, factor)
  for (const record of records) statistics.observe(record)
  return statistics.result()
}

const observed = (...records: readonly ExecutionRecord[]) => observedAfter([], 1, ...records)
const succeeded = (used: Resources, weight = 1) => recordOf('e', used, { weight })
const cut = (used: Resources, given: Partial<ExecutionRecord> = {}) =>
  recordOf('e', used, { outcome: 'out-of-memory', ...given })

test('each dimension that was measured has its statistics, in their order', () => {
  const statistics = observed(succeeded({ durationMs: 5, memoryBytes: 7 }), succeeded({ cpuCores: 2 }))
  expect(statistics.map(({ dimension, weight }) => [dimension, weight])).toEqual([
    ['cpuCores', 1],
    ['memoryBytes', 1],
    ['durationMs', 1],
  ])
})

test('values have their mean, variance, extremes and quantiles, each as often as its weight', () => {
  const [memory] = observed(
    succeeded({ memoryBytes: 10 }, 3),
    succeeded({ memoryBytes: 40 }),
    succeeded({ memoryBytes: 5 }, 2),
  )
  expect(memory).toMatchObject({ dimension: 'memoryBytes', weight: 6, min: 5, max: 40 })
  expect(memory?.mean).toBeCloseTo(80 / 6, 12)
  expect(memory?.variance).toBeCloseTo((3 * 100 + 1600 + 2 * 25) / 6 - (80 / 6) ** 2, 9)
  expect(sketchWeight(memory?.sketch as never)).toBe(6)
  expect(quantile(memory?.sketch as never, 0.5)).toBeCloseTo(10, 0)
})

test('the peak of a run that was cut short moves the maximum, and only upwards', () => {
  const [before] = observed(succeeded({ memoryBytes: 10 }))
  const [raised] = observed(succeeded({ memoryBytes: 10 }), cut({ memoryBytes: 30 }))
  const [kept] = observed(succeeded({ memoryBytes: 10 }), cut({ memoryBytes: 9 }))
  expect(raised).toEqual({ ...before, max: 30 })
  expect(kept).toEqual(before)
})

test('the maximum is what was used, not what was given', () => {
  const [memory] = observed(cut({ memoryBytes: 30 }, { allocated: { memoryBytes: 100 } }))
  expect(memory?.max).toBe(30)
  expect(observed(cut({}, { allocated: { memoryBytes: 100 } }))).toEqual([])
})

test.each(['out-of-memory', 'timed-out', 'failed'] as const)(
  'the mean cores of a run that ended %s bound nothing, before and after the first whole run',
  (outcome) => {
    const part = cut({ cpuCores: 30, diskBytes: 3 }, { outcome })
    expect(observed(part).map(({ dimension, max }) => [dimension, max])).toEqual([['diskBytes', 3]])
    expect(observed(succeeded({ cpuCores: 2 }), part)[0]).toMatchObject({ dimension: 'cpuCores', max: 2 })
  },
)

test('a maximum from cut runs outlives the first whole run, and says nothing of the least', () => {
  const [before] = observed(cut({ memoryBytes: 90 }))
  expect(before).toMatchObject({ weight: 0, mean: 0, variance: 0, min: 0, max: 90 })
  const [after] = observed(cut({ memoryBytes: 90 }), succeeded({ memoryBytes: 50 }, 2))
  expect(after).toMatchObject({ weight: 2, mean: 50, variance: 0, min: 50, max: 90 })
  const [higher] = observed(cut({ memoryBytes: 90 }), succeeded({ memoryBytes: 95 }))
  expect(higher?.max).toBe(95)
})

test('what fades keeps its values and loses its weight', () => {
  const statistics = observed(succeeded({ memoryBytes: 10 }, 4), succeeded({ memoryBytes: 20 }, 4))
  const [faded] = observedAfter(statistics, 0.25)
  expect(faded).toMatchObject({ weight: 2, mean: 15, variance: 25, min: 10, max: 20 })
  expect(sketchWeight(faded?.sketch as never)).toBe(2)
  expect(observedAfter(statistics, 1)).toEqual(statistics)
})

test('what is observed later leaves what was there before as it was', () => {
  const before = observed(succeeded({ memoryBytes: 10 }), cut({ diskBytes: 3 }))
  const copy = structuredClone(before)
  for (const factor of [1, 0.5]) observedAfter(before, factor, succeeded({ memoryBytes: 10, diskBytes: 9 }))
  expect(before).toEqual(copy)
})
