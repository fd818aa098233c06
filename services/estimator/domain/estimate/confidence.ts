import type { Confidence } from '../../../../shared/domain/estimate.ts'
import { dimensions, type Resources, resourceLimits } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { coverage } from '../distribution/coverage.ts'
import { coverageCurve } from '../distribution/coverage-curve.ts'
import { type Context, executionsOf } from './context.ts'
import { circumstancesOf, estimateOf } from './estimate.ts'
import { knownFailure } from './known-failure.ts'
import { noticesOf } from './notices.ts'
import type { Reason } from './reasons.ts'
import { recommend } from './recommend.ts'
import type { Recommendation } from './recommendation.ts'

/** A confidence with its reasons as data. */
export interface ConfidenceAnswer extends Omit<Confidence, 'reason'> {
  readonly reasons: readonly Reason[]
}

/**
 * Probability that `given` suffices; where unset, of what `estimateOf` answers. With a curve: of other amounts as well.
 * Law: monotone in every amount given.
 */
export function confidenceOf(
  context: Context,
  given: Resources | undefined,
  withCurve = false,
): ConfidenceAnswer {
  const { evidence } = context
  const estimate = given === undefined ? estimateOf(context) : undefined
  const resources = given ?? estimate?.resources ?? {}
  const found: Confidence['dimensions'][number][] = []
  let joint = 1
  let leading: Pick<Recommendation, 'source' | 'reason'> | undefined
  for (const dimension of dimensions) {
    const allocation = resources[dimension]
    const recommendation = allocation === undefined ? undefined : recommend(context, dimension)
    if (allocation === undefined || recommendation === undefined) continue
    const need = { ...recommendation.need, above: knownFailure(context, dimension) }
    const confidence = coverage(need, allocation)
    const curve = withCurve ? coverageCurve(need, allocation, resourceLimits[dimension]) : []
    found.push({ dimension, allocation, confidence, curve })
    if (shortfall[dimension] === 'kill' || (given !== undefined && dimension === 'durationMs'))
      joint *= confidence
    if (leading === undefined || dimension === 'memoryBytes') leading = recommendation
  }
  return {
    confidence: found.length === 0 ? 0 : joint,
    dimensions: found,
    source: leading?.source ?? 'default',
    reasons: [leading?.reason ?? { kind: 'nothing-known' }, ...circumstancesOf(context)],
    executions: executionsOf(evidence),
    profileRevision: evidence.task?.profile.revision ?? 0,
    notices: estimate?.notices ?? noticesOf(context, []),
  }
}
