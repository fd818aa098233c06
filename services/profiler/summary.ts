import type { DimensionStatistics, Profile } from '../../shared/domain/profile.ts'
import type { Dimension, Resources } from '../../shared/domain/resources.ts'
import { quantileSeen } from '../../shared/domain/sketch.ts'

/** A profile in one line. */
export interface Summary {
  readonly median: Resources
  readonly p95: Resources
  readonly max: Resources
  readonly running: number
  readonly retained: number
}

export function summaryOf({ statistics, running, executions }: Profile): Summary {
  return {
    median: each(statistics, (entry) => quantileSeen(entry, 0.5)),
    p95: each(statistics, (entry) => quantileSeen(entry, 0.95)),
    max: each(statistics, ({ max }) => max),
    running: running.length,
    retained: executions.length,
  }
}

function each(
  statistics: readonly DimensionStatistics[],
  read: (entry: DimensionStatistics) => number | undefined,
): Resources {
  const resources: { [D in Dimension]?: number | undefined } = {}
  for (const entry of statistics) resources[entry.dimension] = read(entry)
  return resources
}
