import { mostOfPrior, type PriorComponent } from '../distribution/mixture.ts'
import { spreadShare } from '../distribution/tail.ts'
import type { EffectiveSample } from './effective-sample.ts'

/** What is believed before there are residuals: a Laplace distribution of this scale… */
export const priorScale = ({ executions }: EffectiveSample): number => 0.6 / (1 + 0.1 * executions)

/** …with a mass worth half an average execution. */
export const priorMass = ({ total, executions }: EffectiveSample): number =>
  executions > 0 ? (priorExecutions * total) / executions : 1

const priorExecutions = 0.5

/** ln(need / what the attempt had) that is expected of a killed attempt, and the scale of the peak there. */
const excess = 0.15
const censoredScale = 0.5

/** How far above what was too little a peak reaches, a logarithm. */
export const censoredReach = excess + censoredScale * mostOfPrior

/** Needs are known to be above an amount, a logarithm. */
export interface Bound {
  readonly above: number
  readonly weight: number
  /** How many times rarer that was expected to be than failures are let happen. */
  readonly surprise: number
  /** How much of that the needs' usual scatter explains. */
  readonly ordinary: number
}

/**
 * What killed attempts say of needs to come, beside a mixture of weight 1 made of `observed` executions. The less a mixture
 * expected it, the likelier needs are no longer what they were, and how far they go then nothing tells. What usual scatter explains
 * lies close above where the largest needs lie close together (`spread`, of `upperSpread`).
 */
export function censoredPriors(
  bounds: readonly Bound[],
  observed: number,
  spread: number,
): readonly PriorComponent[] {
  const share = 0.3 / (1 + 0.1 * Math.min(10, observed))
  const narrow = spreadShare(spread)
  const peak = (above: number, width: number, weight: number): PriorComponent => ({
    at: above + excess * width,
    scale: censoredScale * width,
    share: share * weight,
  })
  return bounds.flatMap(({ above, weight, surprise, ordinary }) => [
    ...(ordinary > 0 ? [peak(above, narrow, weight * ordinary)] : []),
    ...(surprise > ordinary ? [peak(above, 1, weight * (surprise - ordinary))] : []),
  ])
}
