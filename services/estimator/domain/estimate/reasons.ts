import type { Clamp } from '../../../../shared/domain/estimate.ts'
import type { Dimension, Resources } from '../../../../shared/domain/resources.ts'

/**
 * Why an answer is what it is, as data. The prose is written once, in `reason-text.ts` at the service's edge.
 */
export type Reason =
  | OwnHistory
  | WithoutOwnHistory
  /** No dimension is known of. */
  | { readonly kind: 'nothing-known' }
  | Adjustment
  /** Strategies that were left out or failed, each with its fault. */
  | { readonly kind: 'left-out'; readonly faults: readonly (readonly [strategy: string, fault: string])[] }
  | { readonly kind: 'profiler-unreachable' }
  /** Added for what wraps the task; the other amounts are without. */
  | { readonly kind: 'overhead'; readonly overhead: Resources }

export interface OwnHistory {
  readonly kind: 'own-history'
  readonly executions: number
  /** The strategy of most weight. */
  readonly strategy: string
  /** The law that they follow has changed: the task is no longer what it was. */
  readonly isChanging: boolean
  /** Running executions that use more than was predicted. */
  readonly exceeding: number
  /** Where a shortfall kills: what was weighed against giving more. */
  readonly failure?: FailureOdds | undefined
}

export interface FailureOdds {
  /** What a failure was priced at, in runs of the expected need. */
  readonly failurePrice: number
  /** Probability of a need in the tail, above the largest seen. */
  readonly tailChance: number
}

export interface WithoutOwnHistory {
  readonly kind: 'without-own-history'
  /** Why the task's own history does not answer. */
  readonly lacking: Lacking
  readonly basis: Basis
}

export type Lacking =
  | { readonly kind: 'no-history' }
  | { readonly kind: 'few-executions'; readonly executions: number; readonly needed: number }
  | { readonly kind: 'strategies-abstain'; readonly executions: number }

/** What answers instead. */
export type Basis =
  | {
      readonly kind: 'cohort' | 'namespace'
      readonly name: string
      readonly tasks: number
      /** Their use of what they request, instead of their use. */
      readonly ofRequest: boolean
    }
  | { readonly kind: 'request' }
  | { readonly kind: 'default' }

/** What changed an amount after it was chosen, and what it was changed to. */
export type Adjustment = Change & { readonly dimension: Dimension }

type Change =
  /** The attempt before was killed at `failed`. */
  | { readonly kind: 'retry'; readonly failed: number; readonly before: number; readonly after: number }
  /** The attempt before had `had`: a retry is not given less. */
  | { readonly kind: 'previous-had'; readonly had: number; readonly before: number; readonly after: number }
  /** Other executions of the task were killed at `failed`. */
  | {
      readonly kind: 'others-killed'
      readonly failed: number
      readonly before: number
      readonly after: number
    }
  /** Running executions of the task use more already. */
  | { readonly kind: 'running-use-more'; readonly before: number; readonly after: number }
  | { readonly kind: 'clamped'; readonly clamp: Clamp }
