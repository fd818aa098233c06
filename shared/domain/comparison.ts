import { effectiveExecutions } from './accuracy.ts'
import type { AccuracyFigures } from './profile.ts'

/** An estimate and the bounds that hold the truth 19 times out of 20. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** Standard deviations on either side of the mean that hold 95 % of a normal distribution. */
const z = 1.959964

/** Executions of an arm below which its mean says too little for a normal interval. */
export const fewestCompared = 10

/**
 * Bounds of a share that was seen among `executions`.
 * Law: within 0 and 1, around `share`, narrower with more executions.
 * Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.
 */
export function shareInterval(share: number, executions: number): Interval {
  if (!(executions > 0)) return { value: share, low: 0, high: 1 }
  const scale = 1 + (z * z) / executions
  const centre = (share + (z * z) / (2 * executions)) / scale
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / executions + (z * z) / (4 * executions ** 2))
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

/** Two arms of an A/B test on one task, in one dimension. */
export interface Stratum {
  readonly control: AccuracyFigures
  readonly variant: AccuracyFigures
}

export interface ArmComparison {
  /** Tasks that both arms have seen often enough. */
  readonly tasks: number
  /** Cost of the variant over that of the control; below 1 it is cheaper. Unset where no task says. */
  readonly costRatio: Interval | undefined
  /** Share that sufficed, variant minus control, −1 to 1. Unset where no task says. */
  readonly coverageDifference: Interval | undefined
}

/**
 * Compares two arms task by task, so that tasks of unlike size or unlike shares of the arms do not mislead.
 * Law: arms that did alike give a ratio of 1 and a difference of 0; an arm is compared only where both have at least
 * `fewestCompared` executions. The intervals are normal approximations: of few or very uneven costs they are too narrow.
 */
export function compareArms(strata: readonly Stratum[]): ArmComparison {
  const known = strata.filter(
    ({ control, variant }) =>
      effectiveExecutions(control) >= fewestCompared && effectiveExecutions(variant) >= fewestCompared,
  )
  return {
    tasks: known.length,
    costRatio: costRatio(known),
    coverageDifference: coverageDifference(known),
  }
}

/** Inverse-variance mean of the logarithms of the tasks' ratios. */
function costRatio(strata: readonly Stratum[]): Interval | undefined {
  let [precision, sum] = [0, 0]
  for (const { control, variant } of strata) {
    if (!(control.cost > 0 && variant.cost > 0)) continue
    const spread = Math.max(1e-12, relativeVariance(control) + relativeVariance(variant))
    precision += 1 / spread
    sum += Math.log(variant.cost / control.cost) / spread
  }
  if (precision === 0) return undefined
  const mean = sum / precision
  const half = z / Math.sqrt(precision)
  return { value: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}

/** Variance of the mean cost over its square: that of its logarithm, by the delta method. */
function relativeVariance(figures: AccuracyFigures): number {
  return figures.costVariance / (effectiveExecutions(figures) - 1) / figures.cost ** 2
}

/**
 * Mantel-Haenszel mean of the tasks' differences.
 * Source of the variance: Agresti & Caffo, "Simple and Effective Confidence Intervals for Proportions", 2000.
 */
function coverageDifference(strata: readonly Stratum[]): Interval | undefined {
  let [total, sum, variance] = [0, 0, 0]
  for (const { control, variant } of strata) {
    const [n, m] = [effectiveExecutions(control), effectiveExecutions(variant)]
    const weight = (n * m) / (n + m)
    total += weight
    sum += weight * (variant.coverage - control.coverage)
    variance += weight ** 2 * (shareVariance(control.coverage, n) + shareVariance(variant.coverage, m))
  }
  if (total === 0) return undefined
  const value = sum / total
  const half = (z * Math.sqrt(variance)) / total
  return { value, low: Math.max(-1, value - half), high: Math.min(1, value + half) }
}

function shareVariance(share: number, executions: number): number {
  const adjusted = (share * executions + 1) / (executions + 2)
  return (adjusted * (1 - adjusted)) / (executions + 2)
}
