import { atOnce } from '../../../../shared/domain/at-once.ts'
import type { Confidence } from '../../../../shared/domain/estimate.ts'
import {
  type Dimension,
  dimensions,
  type Resources,
  resourceLimits,
} from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { coverage } from '../distribution/coverage.ts'
import { coverageCurve } from '../distribution/coverage-curve.ts'
import { type Context, executionsOf } from './context.ts'
import { circumstancesOf, estimateSteps } from './estimate.ts'
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
export const confidenceOf = (
  context: Context,
  given: Resources | undefined,
  withCurve = false,
): ConfidenceAnswer => atOnce(confidenceSteps(context, given, withCurve))

/** The same in steps, as those of an estimate. */
export function* confidenceSteps(
  context: Context,
  given: Resources | undefined,
  withCurve: boolean,
): Generator<undefined, ConfidenceAnswer> {
  const { evidence } = context
  const found: Confidence['dimensions'][number][] = []
  let joint = 1
  let leading: Pick<Recommendation, 'source' | 'reason'> | undefined
  function add(dimension: Dimension, recommendation: Recommendation, allocation: number): void {
    const need = { ...recommendation.need, above: knownFailure(context, dimension) }
    const confidence = coverage(need, allocation)
    const curve = withCurve ? coverageCurve(need, allocation, resourceLimits[dimension]) : []
    found.push({ dimension, allocation, confidence, curve })
    if (shortfall[dimension] === 'kill' || (given !== undefined && dimension === 'durationMs'))
      joint *= confidence
    if (leading === undefined || dimension === 'memoryBytes') leading = recommendation
  }
  const estimate = given === undefined ? yield* estimateSteps(context, add) : undefined
  for (const dimension of given === undefined ? [] : dimensions) {
    const allocation = given?.[dimension]
    const recommendation = allocation === undefined ? undefined : recommend(context, dimension)
    if (allocation === undefined || recommendation === undefined) continue
    add(dimension, recommendation, allocation)
    if (recommendation.isBeyondRange) yield
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
