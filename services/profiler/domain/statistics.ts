import type { Outcome } from '../../../shared/domain/execution.ts'
import type { DimensionStatistics } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions, type Resources } from '../../../shared/domain/resources.ts'
import { addToSketch, emptySketch, scaleSketch } from '../../../shared/domain/sketch.ts'

/**
 * What an outcome says of the need. `whole`: the usage is the need. `bound`: the run was cut short, its peaks are
 * lower bounds of the need. `nothing`: the platform or the owner ended it.
 */
export function evidenceOf(outcome: Outcome): 'whole' | 'bound' | 'nothing' {
  switch (outcome) {
    case 'succeeded':
      return 'whole'
    case 'failed':
    case 'out-of-memory':
    case 'timed-out':
      return 'bound'
    case 'evicted':
    case 'cancelled':
    case 'lost':
      return 'nothing'
  }
}

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

/**
 * Adds one execution. A bound moves only the maximum, and not that of `cpuCores`: the mean over a part of a run bounds
 * nothing.
 * Source: West, "Updating mean and variance estimates", CACM 22(9), 1979, for the weighted update.
 */
export function observe(
  statistics: readonly DimensionStatistics[],
  used: Resources,
  weight: number,
  evidence: 'whole' | 'bound',
): readonly DimensionStatistics[] {
  const next: DimensionStatistics[] = []
  for (const dimension of dimensions) {
    const before = statistics.find((entry) => entry.dimension === dimension)
    const value = used[dimension]
    const after =
      value === undefined
        ? before
        : evidence === 'whole'
          ? withValue(before, dimension, value, weight)
          : withBound(before, dimension, value)
    if (after) next.push(after)
  }
  return next
}

function withValue(
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
  const delta = value - before.mean
  const share = weight / total
  return {
    dimension,
    weight: total,
    mean: before.mean + delta * share,
    variance: (1 - share) * (before.variance + share * delta * delta),
    min: Math.min(before.min, value),
    max: Math.max(before.max, value),
    sketch: addToSketch(before.sketch, value, weight),
  }
}

function withBound(
  before: DimensionStatistics | undefined,
  dimension: Dimension,
  value: number,
): DimensionStatistics | undefined {
  if (dimension === 'cpuCores') return before
  if (before) return value > before.max ? { ...before, max: value } : before
  return { dimension, weight: 0, mean: 0, variance: 0, min: 0, max: value, sketch: emptySketch }
}
