import { atOnce } from '../../../../shared/domain/at-once.ts'
import type { DimensionEstimate, Estimate } from '../../../../shared/domain/estimate.ts'
import { type Dimension, resourceLimits } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { coverage, needQuantile, type PredictedNeed } from '../distribution/coverage.ts'
import { adjust } from './adjustments.ts'
import { type Context, dimensionsOf, executionsOf } from './context.ts'
import { knownFailure } from './known-failure.ts'
import { noticesOf } from './notices.ts'
import type { FailureOdds, Reason } from './reasons.ts'
import { recommend } from './recommend.ts'
import type { Recommendation } from './recommendation.ts'

/** An estimate with its reasons as data instead of in words. */
export interface Answer extends Omit<Estimate, 'reason'> {
  readonly reasons: readonly Reason[]
}

/** What a dimension was answered from; valid until the next one is. */
type Sized = (dimension: Dimension, recommendation: Recommendation, amount: number) => void

/**
 * The answer to one query.
 * Law: a function of its arguments; every amount is finite, within the limits but for a lower maximum of the policy, and
 * monotone in the risk.
 */
export const estimateOf = (context: Context): Answer => atOnce(estimateSteps(context))

/** The same in steps, one for each dimension beyond its range: what has grown far takes long. `sized` is told of each dimension. */
export function* estimateSteps(context: Context, sized?: Sized): Generator<undefined, Answer> {
  const { evidence } = context
  const answers: DimensionEstimate[] = []
  const resources: { [D in Dimension]?: number } = {}
  let leading: { readonly answer: DimensionEstimate; readonly reasons: readonly Reason[] } | undefined
  let confidence = 1
  for (const dimension of dimensionsOf(context)) {
    const recommendation = recommend(context, dimension)
    if (recommendation === undefined) continue
    const found = sizedDimension(recommendation, context, dimension)
    const { answer } = found
    sized?.(dimension, recommendation, answer.allocation)
    answers.push(answer)
    resources[dimension] = answer.allocation
    if (shortfall[dimension] === 'kill') confidence *= answer.confidence
    if (leading === undefined || dimension === 'memoryBytes') leading = found
    if (recommendation.isBeyondRange) yield
  }
  return {
    resources,
    confidence: answers.length === 0 ? 0 : confidence,
    source: leading?.answer.source ?? 'default',
    reasons: [...(leading?.reasons ?? [{ kind: 'nothing-known' } as const]), ...circumstancesOf(context)],
    dimensions: answers,
    profileRevision: evidence.task?.profile.revision ?? 0,
    executions: executionsOf(evidence),
    variantByExecution: false,
    notices: noticesOf(context, answers),
  }
}

function sizedDimension(
  recommendation: Recommendation,
  context: Context,
  dimension: Dimension,
): { readonly answer: DimensionEstimate; readonly reasons: readonly Reason[] } {
  const { amount, source, changes, clamps } = adjust(recommendation, context, dimension)
  const above = knownFailure(context, dimension)
  const need = above === undefined ? recommendation.need : { ...recommendation.need, above }
  const odds = failureOdds(recommendation)
  const answer = {
    dimension,
    allocation: amount,
    expected: reportedQuantile(need, 0.5, dimension),
    lower: reportedQuantile(need, 0.05, dimension),
    upper: reportedQuantile(need, 0.95, dimension),
    confidence: coverage(need, amount),
    source,
    strategy: recommendation.strategy,
    predictions: recommendation.predictions,
    clamps,
    failurePrice: odds?.failurePrice,
    tailChance: odds?.tailChance,
  }
  return { answer, reasons: [recommendation.reason, ...changes] }
}

const failureOdds = ({ reason }: Recommendation): FailureOdds | undefined =>
  reason.kind === 'own-history' ? reason.failure : undefined

/** No need is beyond what may be reported as one. */
const reportedQuantile = (need: PredictedNeed, q: number, dimension: Dimension): number =>
  Math.min(needQuantile(need, q), resourceLimits[dimension])

/** What bears on an answer beside the history: strategies left out, a profiler that did not answer. */
export function circumstancesOf({ access, evidence }: Context): readonly Reason[] {
  const reasons: Reason[] = []
  if (access.faults.size > 0) reasons.push({ kind: 'left-out', faults: [...access.faults] })
  if (evidence.isUnreachable) reasons.push({ kind: 'profiler-unreachable' })
  return reasons
}
