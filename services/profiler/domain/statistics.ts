import { needEvidence } from '../../../shared/domain/evidence.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import { meanWith, varianceWith } from '../../../shared/domain/moments.ts'
import type { DimensionStatistics } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../shared/domain/resources.ts'
import { addToSketch, emptySketch, type GrowingSketch, scaleSketch } from '../../../shared/domain/sketch.ts'

export interface StatisticsFold {
  /** Adds one execution. One that did not run to its end moves only the maximum, by its peak. */
  observe(record: ExecutionRecord): void
  /** In order of dimension. Nothing may be observed after it. */
  result(): readonly DimensionStatistics[]
}

type Growing = { -readonly [Name in keyof DimensionStatistics]: DimensionStatistics[Name] } & {
  sketch: GrowingSketch
}

/**
 * What lies behind every figure of `before` counts `factor` of what it did, from 0 to 1; extremes stay.
 * Law: `before` is not changed.
 */
export function statisticsFold(before: readonly DimensionStatistics[], factor: number): StatisticsFold {
  const entries = new Map<Dimension, Growing>()
  for (const entry of before) {
    const sketch = scaleSketch(entry.sketch, factor)
    entries.set(entry.dimension, { ...entry, weight: entry.weight * factor, sketch })
  }

  function entryOf(dimension: Dimension): Growing {
    const known = entries.get(dimension)
    if (known) return known
    const sketch = scaleSketch(emptySketch, 1)
    const entry = { dimension, weight: 0, mean: 0, variance: 0, min: 0, max: 0, sketch }
    entries.set(dimension, entry)
    return entry
  }

  return {
    observe(record) {
      for (const dimension of dimensions) {
        const evidence = needEvidence(record, dimension)
        if (evidence === undefined) continue
        if (evidence.kind === 'exact') addNeed(entryOf(dimension), evidence.need, record.weight)
        else {
          const peak = record.used[dimension]
          if (peak === undefined) continue
          const entry = entryOf(dimension)
          entry.max = Math.max(entry.max, peak)
        }
      }
    },
    result: () => dimensions.flatMap((dimension) => entries.get(dimension) ?? []),
  }
}

function addNeed(entry: Growing, value: number, weight: number): void {
  entry.max = Math.max(entry.max, value)
  addToSketch(entry.sketch, value, weight)
  if (entry.weight === 0) {
    entry.mean = value
    entry.variance = 0
    entry.min = value
    entry.weight = weight
    return
  }
  const total = entry.weight + weight
  const share = weight / total
  entry.variance = varianceWith(entry.variance, entry.mean, value, share)
  entry.mean = meanWith(entry.mean, value, share)
  entry.min = Math.min(entry.min, value)
  entry.weight = total
}
