import { needEvidence } from '../../../shared/domain/evidence.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import { meanWith, varianceWith } from '../../../shared/domain/moments.ts'
import type { DimensionStatistics } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../shared/domain/resources.ts'
import { addToSketch, emptySketch, scaleSketch } from '../../../shared/domain/sketch.ts'

/** Multiplies what lies behind every figure by `factor`, from 0 to 1. Extremes stay. */
export function decayStatistics(
  statistics: readonly DimensionStatistics[],
  factor: number,
): readonly DimensionStatistics[] {
  if (factor === 1) return statistics
  return statistics.map((entry) => ({
    ...entry,
    weight: entry.weight * factor,
    sketch: scaleSketch(entry.sketch, factor),
  }))
}

/** Adds one execution. One that did not run to its end moves only the maximum, by its peak. */
export function observe(
  statistics: readonly DimensionStatistics[],
  record: ExecutionRecord,
): readonly DimensionStatistics[] {
  const next: DimensionStatistics[] = []
  for (const dimension of dimensions) {
    const before = statistics.find((entry) => entry.dimension === dimension)
    const after = withRecord(before, dimension, record)
    if (after) next.push(after)
  }
  return next
}

function withRecord(
  before: DimensionStatistics | undefined,
  dimension: Dimension,
  record: ExecutionRecord,
): DimensionStatistics | undefined {
  const evidence = needEvidence(record, dimension)
  if (evidence?.kind === 'exact') return withNeed(before, dimension, evidence.need, record.weight)
  const peak = record.used[dimension]
  return evidence === undefined || peak === undefined ? before : withPeak(before, dimension, peak)
}

function withNeed(
  before: DimensionStatistics | undefined,
  dimension: Dimension,
  value: number,
  weight: number,
): DimensionStatistics {
  if (!before || before.weight === 0) {
    const sketch = addToSketch(emptySketch, value, weight)
    return {
      dimension,
      weight,
      mean: value,
      variance: 0,
      min: value,
      max: Math.max(value, before?.max ?? 0),
      sketch,
    }
  }
  const total = before.weight + weight
  const share = weight / total
  return {
    dimension,
    weight: total,
    mean: meanWith(before.mean, value, share),
    variance: varianceWith(before.variance, before.mean, value, share),
    min: Math.min(before.min, value),
    max: Math.max(before.max, value),
    sketch: addToSketch(before.sketch, value, weight),
  }
}

function withPeak(
  before: DimensionStatistics | undefined,
  dimension: Dimension,
  peak: number,
): DimensionStatistics {
  if (before) return peak > before.max ? { ...before, max: peak } : before
  return { dimension, weight: 0, mean: 0, variance: 0, min: 0, max: peak, sketch: emptySketch }
}
