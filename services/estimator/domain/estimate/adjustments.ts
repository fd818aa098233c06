import type { Clamp, EstimateSource } from '../../../../shared/domain/estimate.ts'
import type { RunningExecution } from '../../../../shared/domain/execution.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { bounded } from '../allocation/bounds.ts'
import { leastCostRetry, leastCostRetryBeyond } from '../allocation/least-cost-retry.ts'
import { retryAmount } from '../allocation/retry.ts'
import { amountCovering } from '../distribution/coverage.ts'
import { highestCensored } from '../history/censored-attempts.ts'
import type { Context } from './context.ts'
import { knownFailure } from './known-failure.ts'
import type { Adjustment } from './reasons.ts'
import type { Recommendation } from './recommendation.ts'

/** A recommended amount as far as it has been adjusted. */
export interface Adjusted {
  readonly amount: number
  readonly source: EstimateSource
  /** What changed it, in order. */
  readonly changes: readonly Adjustment[]
  readonly clamps: readonly Clamp[]
}

type Step = (
  current: Adjusted,
  recommendation: Recommendation,
  context: Context,
  dimension: Dimension,
) => Adjusted

/** What changes an amount after it was recommended, in this order. */
const steps: readonly Step[] = [
  aboveFailedAttempt,
  notBelowPrevious,
  aboveOthersKilled,
  aboveRunning,
  withinBounds,
]

export function adjust(recommendation: Recommendation, context: Context, dimension: Dimension): Adjusted {
  const { amount, source } = recommendation
  return steps.reduce<Adjusted>((current, step) => step(current, recommendation, context, dimension), {
    amount,
    source,
    changes: [],
    clamps: [],
  })
}

/** A retry goes above what failed, and reaches a target coverage given that it failed. */
function aboveFailedAttempt(
  current: Adjusted,
  recommendation: Recommendation,
  context: Context,
  dimension: Dimension,
): Adjusted {
  const failed = knownFailure(context, dimension)
  if (failed === undefined) return current
  const { targetCoverage } = context.policy
  const covering =
    targetCoverage === undefined || !isDerived(recommendation)
      ? 0
      : amountCovering({ ...recommendation.need, above: failed }, targetCoverage)
  const after = Math.max(covering, amountAfter(failed, context, dimension, recommendation))
  if (after <= current.amount) return current
  const change = { kind: 'retry', dimension, failed, before: current.amount, after } as const
  return { ...current, amount: after, source: 'escalation', changes: [...current.changes, change] }
}

/** What is merely taken over, a request or a default, is no matter of coverage. */
const isDerived = ({ source }: Recommendation) => source !== 'request' && source !== 'default'

/** Where a shortfall kills, a retry is not given less than the attempt before had, however that ended. */
function notBelowPrevious(
  current: Adjusted,
  _recommendation: Recommendation,
  { query }: Context,
  dimension: Dimension,
): Adjusted {
  const had = query.previousAllocation[dimension]
  if (had === undefined || had <= current.amount || shortfall[dimension] !== 'kill') return current
  const change = { kind: 'previous-had', dimension, had, before: current.amount, after: had } as const
  return { ...current, amount: had, changes: [...current.changes, change] }
}

/**
 * Without a history, an amount at which other executions of the task were killed is refuted. Where that is less than is given at
 * the lowest risk, no target coverage goes below either, so that the amount is monotone in the target.
 */
function aboveOthersKilled(
  current: Adjusted,
  recommendation: Recommendation,
  context: Context,
  dimension: Dimension,
): Adjusted {
  const { amount } = current
  const { source, leastAmount = amount } = recommendation
  if (source === 'profile' || knownFailure(context, dimension) !== undefined) return current
  const failed = highestCensored(context.evidence.task?.model?.dimensions.get(dimension)?.censored ?? [])
  if (failed === undefined) return current
  const next = amountAfter(failed, context, dimension, recommendation)
  const after = failed < leastAmount ? Math.min(next, leastAmount) : next
  if (after <= amount) return current
  const change = { kind: 'others-killed', dimension, failed, before: amount, after } as const
  return { ...current, amount: after, changes: [...current.changes, change] }
}

const aboveRunningPeak = 1.05

/** Without a history, an amount is not below what running executions of the task use already. */
function aboveRunning(
  current: Adjusted,
  { source }: Recommendation,
  context: Context,
  dimension: Dimension,
): Adjusted {
  if (source === 'profile' || knownFailure(context, dimension) !== undefined) return current
  const after = aboveRunningPeak * highestPeak(context.evidence.task?.profile.running ?? [], dimension)
  if (after <= current.amount) return current
  const change = { kind: 'running-use-more', dimension, before: current.amount, after } as const
  return { ...current, amount: after, changes: [...current.changes, change] }
}

function withinBounds(
  current: Adjusted,
  _recommendation: Recommendation,
  { policy, settings }: Context,
  dimension: Dimension,
): Adjusted {
  const { amount, clamps } = bounded(current.amount, dimension, policy, settings.limits)
  if (clamps.length === 0) return current
  const changes = clamps.map((clamp) => ({ kind: 'clamped', dimension, clamp }) as const)
  return { ...current, amount, changes: [...current.changes, ...changes], clamps }
}

const noHistoryFactor = 2
/** A request counts as above what failed from this many times it on. */
const requestAbove = 1.05
/** A need beyond the range is followed so far above growth in proportion to its feature. */
const aboveProportion = 1.1

/** Without a history, what the user asked for is the best known amount that ought to do. */
function amountAfter(
  failed: number,
  { query, evidence, policy, workspace }: Context,
  dimension: Dimension,
  { source, need, failureCost, isBeyondRange = false, inProportion = 0 }: Recommendation,
): number {
  const request = query.requested[dimension] ?? 0
  if (source !== 'profile') return request > failed * requestAbove ? request : failed * noHistoryFactor
  const running = highestPeak(evidence.task?.profile.running ?? [], dimension)
  const largest = Math.max(failureCost?.largest ?? 0, running)
  // What failed was an attempt before, whatever the query counts.
  const failures = Math.max(1, query.attempt - 1)
  const next = retryAmount(largest, failed, failures)
  const model = evidence.task?.model?.dimensions.get(dimension)
  const isKnown = failureCost !== undefined && model !== undefined && shortfall[dimension] === 'kill'
  if (isBeyondRange) {
    // What every execution needed has failed: the request, or else growth alone says where to go.
    const isOutgrown = isKnown && failed >= (model.largest ?? 0) && request <= failed * requestAbove
    const { distribution } = workspace
    const grown = isOutgrown
      ? leastCostRetryBeyond(failed, need, failureCost, policy, distribution)
      : undefined
    return Math.max(next, request, Math.min(grown ?? 0, inProportion * aboveProportion))
  }
  const isWithinSeen = isKnown && failures === 1 && largest > failed
  // With killed attempts that have not come back needs are larger than those that have.
  if (!isWithinSeen || model.censored.length > 0) return next
  const after = { amount: failed, most: next }
  return leastCostRetry(after, need, model.executions, failureCost, policy, workspace.distribution)
}

/** 0 where none runs. */
const highestPeak = (running: readonly RunningExecution[], dimension: Dimension): number =>
  running.reduce((highest, { peak }) => Math.max(highest, peak[dimension] ?? 0), 0)
