import type { CohortMember } from './cohort.ts'
import type { ExecutionRecord, Outcome, RunningExecution } from './execution.ts'
import type { Dimension } from './resources.ts'

export const profileKinds = ['task', 'cohort', 'namespace'] as const

/**
 * `task`: one task. `cohort`: tasks that share a label, the last part of their name, or its first word (`task` is
 * `label=value`, `name=part`, `stem=word`). `namespace`: all (`task` is empty).
 */
export type ProfileKind = (typeof profileKinds)[number]

export interface ProfileKey {
  readonly namespace: string
  readonly kind: ProfileKind
  readonly task: string
}

/** One text a profile, as stores keep it. Law: as `taskId`; `profileKeyOf` reads it back. */
export function profileId({ namespace, kind, task }: ProfileKey): string {
  return `${namespace}\0${profileKinds.indexOf(kind)}\0${task}`
}

export function profileKeyOf(id: string): ProfileKey {
  const [namespace = '', kind = '0', task = ''] = id.split('\0')
  return { namespace, kind: profileKinds[Number(kind)] as ProfileKind, task }
}

/** The `folded` of a profile that remembers none. */
export const nothingFolded = new Float64Array(0)

/** Newest shape of a profile that this program writes. */
export const profileSchemaVersion = 1

/** What was learned of a task. Bounded in size whatever its history; a value, changed only by the fold. */
export interface Profile {
  readonly key: ProfileKey
  readonly schemaVersion: number
  /** Counts the folds that changed this profile, from 1. */
  readonly revision: number
  /** Server time. */
  readonly firstSeenUnixMs: number
  /** Server time. */
  readonly lastSeenUnixMs: number
  /** Weighted, never decayed; in order of `outcomes`. */
  readonly outcomes: readonly OutcomeCount[]
  /** One entry a dimension ever measured, in order of `dimensions`. */
  readonly statistics: readonly DimensionStatistics[]
  /** Oldest first. */
  readonly executions: readonly ExecutionRecord[]
  /** By executionId. */
  readonly running: readonly RunningExecution[]
  /** 53-bit fingerprints of the executions folded lately, oldest first. */
  readonly folded: Float64Array
  readonly accuracy: readonly StrategyAccuracy[]
  /** Of a cohort or a namespace: its tasks in summary, each once, the one put last at the end. See cohort.ts. */
  readonly members: readonly CohortMember[]
}

export interface OutcomeCount {
  readonly outcome: Outcome
  readonly count: number
}

/** Exponentially decayed, over executions whose need was seen whole; `max` includes the censored ones. */
export interface DimensionStatistics {
  readonly dimension: Dimension
  /** Decayed sum of weights at the profile's `lastSeenUnixMs`. */
  readonly weight: number
  readonly mean: number
  /** Population variance. */
  readonly variance: number
  readonly min: number
  readonly max: number
  readonly sketch: QuantileSketch
}

/** DDSketch: bucket i of `weights` holds values in (g^(offset+i−1), g^(offset+i)], g = (1 + a) / (1 − a). */
export interface QuantileSketch {
  readonly relativeAccuracy: number
  readonly zeroWeight: number
  readonly offset: number
  readonly weights: readonly number[]
}

/** Name under which the ensemble's own answers are scored. */
export const ensembleName = 'foresize'

/** The score of one strategy (or of the ensemble, `ensembleName`) under one variant in one dimension. See profile.proto. */
export interface StrategyAccuracy extends AccuracyFigures {
  readonly strategy: string
  readonly variant: string
  readonly dimension: Dimension
  /** Sum of weights, never decayed. */
  readonly executions: number
  /** Over every execution scored; unset in a profile written before it was kept. */
  readonly total?: AccuracyFigures | undefined
}

/** Weighted means and population variances. Those of the confidence are 0 where none was given. */
export interface AccuracyFigures {
  readonly weight: number
  readonly weightSquares: number
  readonly coverage: number
  readonly relativeError: number
  readonly relativeErrorVariance: number
  /** Over-allocation times run time. */
  readonly wastage: number
  /** Wastage, and all that was given to a run that is killed for want of it. */
  readonly cost: number
  readonly costVariance: number
  readonly brier: number
  readonly meanConfidence: number
  /** In order of `bin`. */
  readonly calibration: readonly CalibrationBin[]
}

/** Executions whose confidence lay in [bin / 10, (bin + 1) / 10). */
export interface CalibrationBin {
  readonly bin: number
  readonly weight: number
  readonly confidence: number
  readonly coverage: number
}
