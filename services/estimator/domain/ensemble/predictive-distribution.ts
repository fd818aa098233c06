import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { type Distribution, quantile } from '../distribution/distribution.ts'
import {
  type MixtureOptions,
  mixture,
  type PriorComponent,
  type ResidualComponent,
  type Runtimes,
} from '../distribution/mixture.ts'
import { roomAfter } from '../distribution/tail.ts'
import { type CensoredAttempt, highestCensored } from '../history/censored-attempts.ts'
import type { SampleWeights } from '../history/sample-weights.ts'
import { type DimensionModel, meanRuntimeMs } from './dimension-model.ts'
import { measureSamples } from './effective-sample.ts'
import type { Prediction } from './expert-weights.ts'
import { censoredPriors, priorMass, priorScale } from './prior.ts'
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
  predictions: readonly Prediction[],
  model: DimensionModel,
  weights: SampleWeights,
  runningPeaks: readonly number[],
  workspace: Workspace,
): PredictiveDistribution {
  const { components, priors } = componentsOf(predictions, weights, workspace)
  const highestPrediction = components.reduce(
    (most, c) => Math.max(most, c.logPrediction),
    Number.NEGATIVE_INFINITY,
  )
  const highest =
    model.largest === undefined ? highestPrediction : Math.max(Math.log(model.largest), highestPrediction)
  const observed = model.executions.count
  const room = roomAfter(observed)
  const options = { kernel: model.kernel, runtimes: runtimesOf(model) }
  const mixed = (priors: readonly PriorComponent[], limit: number) =>
    mixture(components, priors, { ...options, limit } satisfies MixtureOptions, workspace.distribution)

  const expected = mixed(priors, highest + room)
  const exceeding = exceedingOf(runningPeaks, expected)
  const censored = [
    ...censoredAboveMedian(model, expected),
    ...exceeding.map((above) => ({ above, weight: 1 })),
  ]
  const bound = highestCensored(censored)
  if (bound === undefined) return { distribution: expected, exceeding }
  const widened = [...priors, ...censoredPriors(censored, observed)]
  return { distribution: mixed(widened, Math.max(highest, Math.log(bound)) + room), exceeding }
}

function componentsOf(
  predictions: readonly Prediction[],
  weights: SampleWeights,
  { samples }: Workspace,
): { readonly components: readonly ResidualComponent[]; readonly priors: readonly PriorComponent[] } {
  const components: ResidualComponent[] = []
  const priors: PriorComponent[] = []
  const withLocal = predictions.some(({ experts }) => experts.some(({ expert }) => expert.isLocal))
  const { slow, fast } = weights.executions
  for (const { member, value, experts } of predictions) {
    if (experts.length === 0) continue
    measureSamples(member, weights, withLocal, samples)
    const logPrediction = Math.log(value)
    const shares = { slow: 0, fast: 0, slowLocal: 0, fastLocal: 0 }
    for (const { expert, weight } of experts) {
      const sample = samples[expert.weighting]
      const mass = priorMass(sample)
      shares[expert.weighting] = weight / (sample.total + mass)
      const share = (mass * weight) / (sample.total + mass)
      priors.push({ at: logPrediction, scale: priorScale(sample), share })
    }
    const { residuals } = member
    components.push({ residuals, logPrediction, slow, fast, proximity: weights.proximity, shares })
  }
  return { components, priors }
}

/** Where a failure loses what was held for the run time, and run times are known. */
function runtimesOf(model: DimensionModel): Runtimes | undefined {
  const meanMs = meanRuntimeMs(model)
  if (shortfall[model.dimension] !== 'kill' || meanMs === undefined) return undefined
  return { eachMs: model.executions.runtimesMs, meanMs }
}

/** Below the median a killed attempt says nothing new. */
function censoredAboveMedian(
  { censored }: DimensionModel,
  expected: Distribution,
): readonly CensoredAttempt[] {
  if (censored.length === 0) return censored
  const median = quantile(expected, 0.5)
  return censored.filter(({ above }) => above >= median)
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
