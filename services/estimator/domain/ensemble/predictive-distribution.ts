import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { type Distribution, probability, quantile } from '../distribution/distribution.ts'
import type { Runtimes } from '../distribution/joined-residuals.ts'
import { type MixtureOptions, mixture, type PriorComponent } from '../distribution/mixture.ts'
import { probabilityAbove, roomAfter, tailAfter } from '../distribution/tail.ts'
import type { SampleWeights } from '../history/sample-weights.ts'
import { type DimensionModel, meanRuntimeMs } from './dimension-model.ts'
import type { Forecast } from './expert-weights.ts'
import { componentsOf } from './fixed-parts.ts'
import { type Bound, censoredPriors, censoredReach } from './prior.ts'
import { upperSpread } from './upper-spread.ts'
import type { Workspace } from './workspace.ts'

/** The ensemble's predictive distribution of the next need. */
export interface PredictiveDistribution {
  readonly distribution: Distribution
  /** What running executions use beyond the predicted 95th percentile, the largest first. */
  readonly exceeding: readonly number[]
}

/**
 * The experts' residuals around their predictions, in the proportion of their weights, with their priors, and with what
 * is known of needs that have not come back: killed attempts, and running executions. Valid until the workspace is used
 * again. `runningPeaks`: what running executions use so far.
 */
export function predictiveDistribution(
  forecast: Pick<Forecast, 'followed' | 'expertWeights'>,
  model: DimensionModel,
  weights: SampleWeights,
  runningPeaks: readonly number[],
  workspace: Workspace,
): PredictiveDistribution {
  const { distribution: expected, mixedWith } = expectedDistribution(forecast, model, weights, workspace)
  const exceeding = exceedingOf(runningPeaks, expected)
  if (model.censored.length === 0 && exceeding.length === 0) return { distribution: expected, exceeding }
  const bounds = [
    ...censoredBounds(model, expected),
    ...exceeding.map((peak) => ({ above: Math.log(peak), weight: 1, surprise: 1, ordinary: 0 })),
  ]
  if (bounds.length === 0) return { distribution: expected, exceeding }
  return { distribution: mixedWith(bounds), exceeding }
}

/** The same of the executions that came back alone. `mixedWith`: with bounds of needs that have not, in its place. */
export function expectedDistribution(
  forecast: Pick<Forecast, 'followed' | 'expertWeights'>,
  model: DimensionModel,
  weights: SampleWeights,
  workspace: Workspace,
): { readonly distribution: Distribution; readonly mixedWith: (bounds: readonly Bound[]) => Distribution } {
  const runtimes = runtimesOf(model)
  const { components, priors } = componentsOf(forecast, weights, runtimes, workspace)
  const highestPrediction = components.reduce(
    (most, c) => Math.max(most, c.logPrediction),
    Number.NEGATIVE_INFINITY,
  )
  const highest =
    model.largest === undefined ? highestPrediction : Math.max(Math.log(model.largest), highestPrediction)
  const observed = model.executions.count
  const spread = upperSpread(model)
  const room = roomAfter(observed, spread)
  const options = { kernel: model.kernel, runtimes }
  const mixed = (priors: readonly PriorComponent[], limit: number) =>
    mixture(components, priors, { ...options, limit } satisfies MixtureOptions, workspace.distribution)

  return {
    distribution: mixed(priors, highest + room),
    mixedWith(bounds) {
      const highestBound = Math.max(...bounds.map(({ above }) => above))
      const limit = Math.max(highest + room, highestBound + Math.max(room, censoredReach))
      return mixed([...priors, ...censoredPriors(bounds, observed, spread)], limit)
    },
  }
}

/** Where a failure loses what was held for the run time, and run times are known. */
function runtimesOf(model: DimensionModel): Runtimes | undefined {
  const meanMs = meanRuntimeMs(model)
  if (shortfall[model.dimension] !== 'kill' || meanMs === undefined) return undefined
  return { eachMs: model.executions.runtimesMs, meanMs }
}

/** So many failures are let happen at the balanced risk: a kill that is no rarer is no surprise. */
const ordinaryFailure = 0.04
/** One that is so many times as rare, the usual scatter still explains. */
const mostOrdinary = 3
/** A kill at more than this many times what was ever needed is more likely told in another unit, or not for want of it. */
const mostOfLargest = 100

/**
 * Where a feature or label tells needs apart, a killed attempt lies as far above what is expected of this need as it was above
 * what was expected of its own. Below the median it says nothing new; where needs above it are rarer than failures are let
 * happen, it says that needs may have changed, as far as that is credible: what no machine has would never come back.
 */
function censoredBounds(
  { censored, executions, largest, column, label }: DimensionModel,
  expected: Distribution,
): readonly Bound[] {
  const median = Math.log(quantile(expected, 0.5))
  const isTold = column !== undefined || label !== undefined
  return censored.flatMap(({ above, weight, predicted }) => {
    const bound = Math.log(above) + (isTold && predicted !== undefined ? median - predicted : 0)
    if (bound < median) return []
    const amount = Math.exp(bound)
    const tail = largest === undefined ? 0 : probabilityAbove(tailAfter(executions.count, largest), amount)
    const covered = probability(expected, amount)
    // 1 - covered * (1 - tail) would be 0 where the tail is below the precision of 1.
    const chance = 1 - covered + covered * tail
    const isCredible = amount <= mostOfLargest * (largest ?? amount)
    const surprise = isCredible ? Math.max(1, ordinaryFailure / chance) : 1
    return { above: bound, weight, surprise, ordinary: Math.min(surprise, mostOrdinary) }
  })
}

const mostExceeding = 16

/** Running executions add a lower bound only where their peak exceeds the predicted 95th percentile. */
function exceedingOf(runningPeaks: readonly number[], expected: Distribution): readonly number[] {
  if (runningPeaks.length === 0) return runningPeaks
  const usual = quantile(expected, 0.95)
  return runningPeaks
    .filter((peak) => peak > usual)
    .sort((a, b) => b - a)
    .slice(0, mostExceeding)
}
