import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { StrategyAccuracy } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../shared/domain/resources.ts'
import { evidenceOf } from './statistics.ts'

/** What an estimate said, read back from its token. */
export interface TokenEstimate {
  readonly variant: string
  readonly dimensions: readonly {
    readonly dimension: Dimension
    readonly allocation: number
    readonly confidence: number
    /** `value` is unset where the strategy abstained. */
    readonly predictions: readonly { readonly strategy: string; readonly value?: number | undefined }[]
  }[]
}

/** Name under which the ensemble's own answer is scored. */
export const ensembleName = 'foresize'

export interface AccuracySettings {
  /** Factor on what was scored before, per execution. Default 0.98. */
  readonly accuracyDecay: number
  /** Default 64. */
  readonly maxAccuracyEntries: number
}

interface Score {
  readonly strategy: string
  readonly variant: string
  readonly dimension: Dimension
  readonly prediction: number
  readonly confidence?: number | undefined
}

/**
 * Scores an estimate against what its execution used. Where the run was cut short for want of a dimension, the use is
 * a lower bound of the need: a prediction at or below what was given is known not to suffice, one above it is not
 * scored.
 */
export function scoreEstimate(
  accuracy: readonly StrategyAccuracy[],
  estimate: TokenEstimate,
  record: ExecutionRecord,
  settings: AccuracySettings,
): readonly StrategyAccuracy[] {
  let next = accuracy
  for (const { dimension, allocation, confidence, predictions } of estimate.dimensions) {
    const { variant } = estimate
    const scores: Score[] = [
      { strategy: ensembleName, variant, dimension, prediction: allocation, confidence },
    ]
    for (const { strategy, value } of predictions) {
      if (value !== undefined) scores.push({ strategy, variant, dimension, prediction: value })
    }
    for (const score of scores) next = withScore(next, score, record, settings)
  }
  return next
}

function withScore(
  accuracy: readonly StrategyAccuracy[],
  score: Score,
  record: ExecutionRecord,
  settings: AccuracySettings,
): readonly StrategyAccuracy[] {
  const need = knownNeed(record, score.dimension, score.prediction)
  if (need === undefined) return accuracy
  const entry = blend(
    accuracy.find((candidate) => sameStrategy(candidate, score)),
    score,
    need,
    record,
    settings,
  )
  const others = accuracy.filter((candidate) => !sameStrategy(candidate, score))
  return [...bounded(others, settings.maxAccuracyEntries - 1), entry].sort(byName)
}

/** A need below has no relative error worth the name. */
const smallestNeed = 1e-9

function knownNeed(record: ExecutionRecord, dimension: Dimension, prediction: number): number | undefined {
  const used = record.used[dimension]
  if (used === undefined || used < smallestNeed) return undefined
  if (evidenceOf(record.outcome) === 'whole') return used
  if (!ranOutOf(record, dimension)) return undefined
  const bound = Math.max(used, record.allocated[dimension] ?? 0)
  return prediction <= bound ? bound : undefined
}

function ranOutOf(record: ExecutionRecord, dimension: Dimension): boolean {
  if (record.outcome === 'timed-out') return dimension === 'durationMs'
  if (record.outcome !== 'out-of-memory') return false
  return dimension === 'memoryBytes' || dimension === 'gpuMemoryBytes'
}

function blend(
  before: StrategyAccuracy | undefined,
  score: Score,
  need: number,
  record: ExecutionRecord,
  settings: AccuracySettings,
): StrategyAccuracy {
  const { strategy, variant, dimension, prediction, confidence } = score
  const kept = (before?.weight ?? 0) * settings.accuracyDecay
  const weight = kept + record.weight
  const mean = (old: number | undefined, value: number) =>
    ((old ?? 0) * kept + value * record.weight) / weight
  const whole = evidenceOf(record.outcome) === 'whole'
  const sufficed = whole && prediction >= need ? 1 : 0
  const wasted = Math.max(prediction - need, 0) * (record.used.durationMs ?? 0)
  return {
    strategy,
    variant,
    dimension,
    executions: (before?.executions ?? 0) + record.weight,
    weight,
    coverage: mean(before?.coverage, sufficed),
    relativeError: mean(before?.relativeError, Math.abs(prediction - need) / need),
    wastage: mean(before?.wastage, wasted),
    brier: confidence === undefined ? 0 : mean(before?.brier, (confidence - sufficed) ** 2),
    meanConfidence: confidence === undefined ? 0 : mean(before?.meanConfidence, confidence),
  }
}

type StrategyKey = Pick<StrategyAccuracy, 'strategy' | 'variant' | 'dimension'>

function sameStrategy(a: StrategyKey, b: StrategyKey): boolean {
  return a.strategy === b.strategy && a.variant === b.variant && a.dimension === b.dimension
}

function byName(a: StrategyAccuracy, b: StrategyAccuracy): number {
  if (a.strategy !== b.strategy) return a.strategy < b.strategy ? -1 : 1
  if (a.variant !== b.variant) return a.variant < b.variant ? -1 : 1
  return dimensions.indexOf(a.dimension) - dimensions.indexOf(b.dimension)
}

/** Drops the entries that scored the fewest executions. */
function bounded(entries: readonly StrategyAccuracy[], limit: number): readonly StrategyAccuracy[] {
  if (entries.length <= limit) return entries
  return [...entries].sort((a, b) => b.executions - a.executions).slice(0, limit)
}
