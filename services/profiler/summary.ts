import { ensembleName, type Profile, type StrategyAccuracy } from '../../shared/domain/profile.ts'
import { type Dimension, dimensions, type Resources } from '../../shared/domain/resources.ts'
import { quantileSeen } from '../../shared/domain/sketch.ts'
import { dimensionEnum, outcomeEnum } from '../../shared/wire/enums.ts'
import type { ProfileSummary } from '../../shared/wire/gen/foresize/v1/profile.ts'
import { fromProfileKey } from '../../shared/wire/profile.ts'
import { medianHeld, useOf } from './domain/use.ts'

/** What executions used, in three figures each. */
export function typicalUse({ statistics }: Pick<Profile, 'statistics'>): TypicalUse {
  const byDimension = new Map(statistics.map((entry) => [entry.dimension, entry]))
  const quantiles = (q: number) =>
    each((dimension) => {
      const entry = byDimension.get(dimension)
      return entry && quantileSeen(entry, q)
    })
  return { median: quantiles(0.5), p95: quantiles(0.95), max: each((d) => byDimension.get(d)?.max) }
}

interface TypicalUse {
  readonly median: Resources
  readonly p95: Resources
  readonly max: Resources
}

/** A profile in one line. */
export function fromSummary(profile: Profile): ProfileSummary {
  const { key, revision, firstSeenUnixMs, lastSeenUnixMs, outcomes, executions } = profile
  return {
    key: fromProfileKey(key),
    revision,
    firstSeenUnixMs,
    lastSeenUnixMs,
    outcomes: outcomes.map(({ outcome, count }) => ({ outcome: outcomeEnum.toWire(outcome), count })),
    ...typicalUse(profile),
    running: profile.running.length,
    retained: executions.length,
    requestedMedian: each((dimension) => medianHeld(executions, 'requested', dimension)),
    allocatedMedian: each((dimension) => medianHeld(executions, 'allocated', dimension)),
    use: dimensions.flatMap((dimension) => {
      const use = useOf(executions, dimension)
      return use === undefined ? [] : { dimension: dimensionEnum.toWire(dimension), ...use }
    }),
    ...memoryAccuracyOf(profile.accuracy),
  }
}

function each(read: (dimension: Dimension) => number | undefined): Resources {
  const resources: { [D in Dimension]?: number | undefined } = {}
  for (const dimension of dimensions) resources[dimension] = read(dimension)
  return resources
}

/** Of the ensemble's own answers, all variants together. */
function memoryAccuracyOf(
  accuracy: readonly StrategyAccuracy[],
): Pick<ProfileSummary, 'confidence' | 'coverage'> {
  const own = accuracy.filter((e) => e.strategy === ensembleName && e.dimension === 'memoryBytes')
  const weight = own.reduce((sum, e) => sum + e.weight, 0)
  if (weight === 0) return { confidence: undefined, coverage: undefined }
  return {
    confidence: own.reduce((sum, e) => sum + (e.weight / weight) * e.meanConfidence, 0),
    coverage: own.reduce((sum, e) => sum + (e.weight / weight) * e.coverage, 0),
  }
}
