import type { Features, Labels, Outcome } from './execution.ts'
import type { Policy } from './policy.ts'
import type { Dimension, Resources } from './resources.ts'
import type { TaskKey } from './task.ts'

/** What is about to run. */
export interface EstimateQuery {
  readonly task: TaskKey
  readonly features: Features
  readonly labels: Labels
  readonly requested: Resources
  /** From 1. */
  readonly attempt: number
  /** For a retry: what the attempt before was given, and how it ended. */
  readonly previousAllocation: Resources
  readonly previousOutcome?: Outcome | undefined
  /** Fields that are unset come from the server's policy. */
  readonly policy: Partial<Policy>
  /** Decides the A/B variant; unset where unknown. */
  readonly executionId?: string | undefined
}

export const estimateSources = ['profile', 'cohort', 'request', 'namespace', 'default', 'escalation'] as const

/** Where an answer comes from. */
export type EstimateSource = (typeof estimateSources)[number]

export interface Estimate {
  readonly resources: Resources
  /** Probability that `resources` suffice together, CPU left out. */
  readonly confidence: number
  readonly source: EstimateSource
  readonly reason: string
  readonly dimensions: readonly DimensionEstimate[]
  readonly profileRevision: number
  /** Executions that the profile has folded. */
  readonly executions: number
  /** The arm of an A/B test that answered; unset where there is none. */
  readonly variant?: string | undefined
  /** The variant was drawn by `executionId`: the answer is for that execution alone. */
  readonly variantByExecution: boolean
  readonly notices: readonly Notice[]
}

export const noticeKinds = [
  'beyond-range',
  'unknown-feature',
  'missing-feature',
  'unknown-label',
  'missing-label',
  'unknown-task',
  'few-executions',
  'stale-view',
  'clamped',
] as const

export type NoticeKind = (typeof noticeKinds)[number]

/** What to know before trusting an answer, as data. */
export interface Notice {
  readonly kind: NoticeKind
  /** The feature, label or task that it is about. */
  readonly subject?: string | undefined
  /** Times the largest value seen, executions, the age in milliseconds, or the amount before it was clamped: by kind. */
  readonly number?: number | undefined
  /** Known names a few letters from `subject`, the nearest first. */
  readonly nearest: readonly string[]
  /** Where it is about one. */
  readonly dimension?: Dimension | undefined
}

/** Notices of one answer at most. */
export const mostNotices = 16

/** Nearest names of one notice at most. */
export const mostNearestNames = 3

export interface DimensionEstimate {
  readonly dimension: Dimension
  readonly allocation: number
  /** Median of the predicted need. */
  readonly expected: number
  /** 5th and 95th percentile of the predicted need. */
  readonly lower: number
  readonly upper: number
  /** Probability that the need is within `allocation`. */
  readonly confidence: number
  readonly source: EstimateSource
  /** The strategy of most weight; unset where none was used. */
  readonly strategy?: string | undefined
  readonly predictions: readonly StrategyPrediction[]
  readonly clamps: readonly Clamp[]
  /** Part of `allocation` and of the need that wraps the task; unset where nothing does. */
  readonly overhead?: number | undefined
  /** What one failure was priced at, in runs of the expected need; set where too little kills, from the task's own history. */
  readonly failurePrice?: number | undefined
  /** Probability of a need in the tail, above the largest seen; set as `failurePrice` is. */
  readonly tailChance?: number | undefined
}

export interface StrategyPrediction {
  readonly strategy: string
  /** In the dimension's unit; unset where it abstained or was left out. */
  readonly value?: number | undefined
  /** In the answer, 0 to 1. */
  readonly weight: number
  /** Why it has no value or, beside one, why it is not followed. */
  readonly reason?: string | undefined
}

export const clampKinds = ['policy-min', 'policy-max', 'limit'] as const

export interface Clamp {
  readonly kind: (typeof clampKinds)[number]
  readonly before: number
  readonly after: number
}

/** Probability that an amount suffices. */
export interface AmountConfidence {
  readonly amount: number
  readonly confidence: number
}

/** Probability that given resources suffice. */
export interface Confidence {
  readonly confidence: number
  readonly dimensions: readonly {
    readonly dimension: Dimension
    readonly allocation: number
    readonly confidence: number
    /** Empty unless it was asked for. */
    readonly curve: readonly AmountConfidence[]
  }[]
  readonly source: EstimateSource
  readonly reason: string
  readonly executions: number
  readonly profileRevision: number
  readonly notices: readonly Notice[]
}
