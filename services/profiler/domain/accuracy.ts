import { observeFigures } from '../../../shared/domain/accuracy.ts'
import { needEvidence } from '../../../shared/domain/evidence.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import { ensembleName, type StrategyAccuracy } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'

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

export interface AccuracySettings {
  /** Factor on what was scored before, per execution. Default 0.98. */
  readonly accuracyDecay: number
  /** Default 256. */
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
  const entries = new Map(accuracy.map((entry) => [nameOf(entry), entry]))
  const { variant } = estimate
  let scored = false
  const add = (score: Score) => {
    const judgement = judged(record, score.dimension, score.prediction)
    if (judgement === undefined) return
    const name = nameOf(score)
    entries.set(name, scoreOf(entries.get(name), score, judgement, record, settings))
    scored = true
  }
  for (const { dimension, allocation, confidence, predictions } of estimate.dimensions) {
    add({ strategy: ensembleName, variant, dimension, prediction: allocation, confidence })
    for (const { strategy, value } of predictions) {
      if (value !== undefined) add({ strategy, variant, dimension, prediction: value })
    }
  }
  if (!scored) return accuracy
  return bounded([...entries.values()], settings.maxAccuracyEntries).sort(byName)
}

/** A need below has no relative error worth the name. */
const smallestNeed = 1e-9

interface Judgement {
  readonly need: number
  readonly sufficed: boolean
}

/** What the run says of the prediction; undefined where it cannot tell. */
function judged(record: ExecutionRecord, dimension: Dimension, prediction: number): Judgement | undefined {
  const evidence = needEvidence(record, dimension)
  if (evidence?.kind === 'exact') {
    const { need } = evidence
    return need < smallestNeed ? undefined : { need, sufficed: prediction >= need }
  }
  if (evidence?.kind !== 'censored') return undefined
  // One that was killed before anything could be measured is known by what it was given.
  const above = Math.max(record.used[dimension] ?? 0, evidence.above)
  return above < smallestNeed || prediction > above ? undefined : { need: above, sufficed: false }
}

function scoreOf(
  before: StrategyAccuracy | undefined,
  { strategy, variant, dimension, prediction, confidence }: Score,
  { need, sufficed }: Judgement,
  record: ExecutionRecord,
  { accuracyDecay }: AccuracySettings,
): StrategyAccuracy {
  const runTimeMs = record.used.durationMs ?? 0
  const wastage = Math.max(prediction - need, 0) * runTimeMs
  const seen = {
    sufficed,
    relativeError: Math.abs(prediction - need) / need,
    wastage,
    cost: sufficed || shortfall[dimension] !== 'kill' ? wastage : prediction * runTimeMs,
    confidence,
  }
  return {
    strategy,
    variant,
    dimension,
    executions: (before?.executions ?? 0) + record.weight,
    ...observeFigures(before, seen, record.weight, accuracyDecay),
    total: observeFigures(before?.total, seen, record.weight, 1),
  }
}

const nameOf = ({ strategy, variant, dimension }: Pick<Score, 'strategy' | 'variant' | 'dimension'>) =>
  `${dimension}\u0000${variant}\u0000${strategy}`

function byName(a: StrategyAccuracy, b: StrategyAccuracy): number {
  if (a.strategy !== b.strategy) return a.strategy < b.strategy ? -1 : 1
  if (a.variant !== b.variant) return a.variant < b.variant ? -1 : 1
  return dimensions.indexOf(a.dimension) - dimensions.indexOf(b.dimension)
}

/** Drops the entries that scored the fewest executions; those of the ensemble's own answers go last. */
function bounded(entries: StrategyAccuracy[], limit: number): StrategyAccuracy[] {
  if (entries.length <= limit) return entries
  const isOwn = (entry: StrategyAccuracy) => (entry.strategy === ensembleName ? 1 : 0)
  return entries.sort((a, b) => isOwn(b) - isOwn(a) || b.executions - a.executions).slice(0, limit)
}
