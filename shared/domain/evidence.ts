import type { ExecutionRecord, Outcome } from './execution.ts'
import { type Dimension, dimensions } from './resources.ts'
import { shortfall } from './shortfall.ts'

/**
 * What one attempt says of its need in one dimension, in the dimension's unit.
 * `exact`: it ran to its end, so its use is its need.
 * `censored`: it was cut short for want of the dimension; the need is above what it had.
 * `partial`: it ended early for another reason; the need is at least its peak up to then.
 */
export type NeedEvidence =
  | { readonly kind: 'exact'; readonly need: number }
  | { readonly kind: 'censored'; readonly above: number }
  | { readonly kind: 'partial'; readonly atLeast: number }

type Attempt = Pick<ExecutionRecord, 'outcome' | 'allocated' | 'used'>

/**
 * Undefined where the attempt says nothing: the dimension was not measured, or the platform or the owner ended the run.
 * A mean over part of a run bounds nothing, so a partial run says nothing of `cpuCores`.
 */
export function needEvidence(attempt: Attempt, dimension: Dimension): NeedEvidence | undefined {
  const { outcome, allocated, used } = attempt
  const measured = used[dimension]
  const use = measured !== undefined && Number.isFinite(measured) && measured >= 0 ? measured : undefined
  if (outcome === 'succeeded') return use === undefined ? undefined : { kind: 'exact', need: use }
  if (ranOutOf(attempt, dimension)) {
    const above = allocated[dimension] ?? use
    return above === undefined ? undefined : { kind: 'censored', above }
  }
  if (!isInformative(outcome) || use === undefined || dimension === 'cpuCores') return undefined
  return { kind: 'partial', atLeast: use }
}

/** Whether the run's own behaviour ended it. What the platform or the owner ended says nothing of any need. */
export function isInformative(outcome: Outcome): boolean {
  switch (outcome) {
    case 'succeeded':
    case 'failed':
    case 'out-of-memory':
    case 'timed-out':
      return true
    case 'evicted':
    case 'cancelled':
    case 'lost':
      return false
  }
}

/** A use from this share of what was given had met its limit. */
const limitMet = 0.98

/**
 * Whether an attempt was cut short for want of a dimension. Out of memory is for want of memory, and of disk or GPU
 * memory where their use had met its limit; a time-out is for want of time. Nothing else says what was short.
 */
export function ranOutOf({ outcome, allocated, used }: Attempt, dimension: Dimension): boolean {
  if (outcome === 'timed-out') return dimension === 'durationMs'
  if (outcome !== 'out-of-memory' || shortfall[dimension] !== 'kill') return false
  if (dimension === 'memoryBytes') return true
  const given = allocated[dimension]
  const peak = used[dimension]
  return given !== undefined && peak !== undefined && peak >= limitMet * given
}

/** The dimension that an outcome alone says was too little, where nothing is known of the use. */
export const exhaustedBy = (outcome: Outcome): Dimension | undefined =>
  dimensions.find((dimension) => ranOutOf({ outcome, allocated: {}, used: {} }, dimension))
