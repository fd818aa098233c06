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

export interface AccuracyFold {
  /**
   * Scores an estimate against what its execution used. Where the run was cut short for want of a dimension, the use is
   * a lower bound of the need: a prediction at or below what was given is known not to suffice, one above it is not
   * scored.
   */
  score(estimate: TokenEstimate, record: ExecutionRecord): void
  /** In order of name; the same object where nothing was scored. */
  result(): readonly StrategyAccuracy[]
}

/** Law: `before` is not changed; scoring one by one, each from the result before, gives the same. */
export function accuracyFold(before: readonly StrategyAccuracy[], settings: AccuracySettings): AccuracyFold {
  let entries: Map<string, StrategyAccuracy> | undefined

  function add(score: Score, record: ExecutionRecord): void {
    const judgement = judged(record, score.dimension, score.prediction)
    if (judgement === undefined) return
    entries ??= byNameOf(before)
    const name = nameOf(score)
    entries.set(name, scoreOf(entries.get(name), score, judgement, record, settings))
  }

  return {
    score({ variant, dimensions: estimated }, record) {
      for (const { dimension, allocation, confidence, predictions } of estimated) {
        add({ strategy: ensembleName, variant, dimension, prediction: allocation, confidence }, record)
        for (const { strategy, value } of predictions) {
          if (value !== undefined) add({ strategy, variant, dimension, prediction: value }, record)
        }
      }
      if (entries !== undefined && entries.size > settings.maxAccuracyEntries)
        entries = byNameOf(bounded([...entries.values()], settings.maxAccuracyEntries))
    },
    result: () => (entries === undefined ? before : [...entries.values()].sort(byName)),
  }
}

/** The accuracy with one estimate more. */
export function scoreEstimate(
  before: readonly StrategyAccuracy[],
  estimate: TokenEstimate,
  record: ExecutionRecord,
  settings: AccuracySettings,
): readonly StrategyAccuracy[] {
  const fold = accuracyFold(before, settings)
  fold.score(estimate, record)
  return fold.result()
}

const byNameOf = (entries: readonly StrategyAccuracy[]) =>
  new Map(entries.map((entry) => [nameOf(entry), entry]))

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
  const isOwn = (entry: StrategyAccuracy) => (entry.strategy === ensembleName ? 1 : 0)
  return entries
    .sort((a, b) => isOwn(b) - isOwn(a) || b.executions - a.executions || byName(a, b))
    .slice(0, limit)
}
