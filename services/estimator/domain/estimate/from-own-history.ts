import type { StrategyPrediction } from '../../../../shared/domain/estimate.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { allocate } from '../allocation/allocate.ts'
import { type FailureCost, failureCostOf, failurePrice } from '../allocation/failure-cost.ts'
import { riskProfile } from '../allocation/risk-profile.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { cappedAt, probability, quantile } from '../distribution/distribution.ts'
import { tailAfter } from '../distribution/tail.ts'
import { type DimensionModel, neighboursIn, weightsFor } from '../ensemble/dimension-model.ts'
import { type Prediction, weighedPredictions } from '../ensemble/expert-weights.ts'
import type { LearnedProfile } from '../ensemble/learned-profile.ts'
import { needsChange } from '../ensemble/needs-change.ts'
import { predictiveDistribution } from '../ensemble/predictive-distribution.ts'
import { upperSpread } from '../ensemble/upper-spread.ts'
import { highestCensored } from '../history/censored-attempts.ts'
import type { Context, StrategyAccess } from './context.ts'
import { extrapolate } from './extrapolation.ts'
import { knownFailure } from './known-failure.ts'
import type { FailureOdds } from './reasons.ts'
import type { Recommendation } from './recommendation.ts'
import { sparseAt } from './sparse-at.ts'
import { proportionOf, rangeOf, whereBeyond } from './where-beyond.ts'

/** Undefined where there are too few executions, or no strategy has anything to say. */
export function fromOwnHistory(context: Context, dimension: Dimension): Recommendation | undefined {
  const { evidence, settings, policy, access, point, workspace, asked } = context
  const model = evidence.task?.model?.dimensions.get(dimension)
  if (point === undefined || model?.largest === undefined) return undefined
  const observed = model.executions.count
  if (observed < settings.minExecutions) return undefined

  const isAsked = (strategy: string) => policy.strategies.length === 0 || policy.strategies.includes(strategy)
  // One asked for by name is followed whatever its record.
  const unfollowed = policy.strategies.length > 0 ? allFollowed : unfollowedIn(context, dimension)
  // Beyond the range it is predicted at the edge, and grown from there.
  const range = rangeOf(model.executions, point, workspace)
  const within = range?.edge ?? point
  const beyond = range && whereBeyond(model, point, range)
  const weights = weightsFor(model, within, workspace)
  const forecast = weighedPredictions(
    model,
    within,
    weights.isLocal,
    { isAsked, unfollowed },
    access.guard,
    neighboursIn(model, workspace),
  )
  const { predictions } = forecast
  const foremost = foremostOf(predictions)
  if (foremost === undefined) return undefined

  const peaks = runningPeaks(evidence.task, dimension)
  const { distribution, exceeding } = predictiveDistribution(forecast, model, weights, peaks, workspace)
  const isFeatureKnown = model.column !== undefined && point.values[model.column] !== undefined
  const tail = tailAfter(observed, model.largest, isFeatureKnown, upperSpread(model))
  const sparse = sparseAt(model, within, beyond)
  const inRange = {
    need: { distribution, calibration: model.calibration, tail, sparse },
    failureCost: failureCostOf(model, exceeding),
    growthFactor: 1,
  }
  const outlook = beyond === undefined ? inRange : extrapolate(inRange, beyond, model, workspace)
  const { failureCost, growthFactor } = outlook
  const ceiling = ceilingOf(context, dimension, model)
  const need = ceiling === undefined ? outlook.need : withCeiling(outlook.need, ceiling)
  const { strategy } = foremost
  return {
    need,
    amount: allocate(need, failureCost, policy, dimension, workspace.distribution),
    failureCost,
    isBeyondRange: beyond !== undefined,
    inProportion: beyond && model.largest * Math.exp(proportionOf(beyond)),
    source: 'profile',
    reason: {
      kind: 'own-history',
      executions: observed,
      strategy,
      isChanging: needsChange(model),
      exceeding: exceeding.length,
      failure: shortfall[dimension] === 'kill' ? failureOddsOf(need, failureCost, policy) : undefined,
    },
    strategy,
    predictions: predictionsOf(asked, predictions, unfollowed, access, growthFactor),
  }
}

function failureOddsOf(need: PredictedNeed, cost: FailureCost, policy: Policy): FailureOdds {
  const price = failurePrice(cost, cost.typicalNeed ?? quantile(need.distribution, 0.5))
  return { failurePrice: riskProfile(policy).failureFactor * price, tailChance: need.tail?.chance ?? 0 }
}

/** An amount that none of so many tasks of the namespace would have needed more than, of the request at hand. */
interface Ceiling {
  readonly amount: number
  readonly tasks: number
}

/** Undefined where the namespace says nothing. A request that a need has exceeded, or an attempt was killed at, is no ceiling. */
function ceilingOf(
  context: Context,
  dimension: Dimension,
  { largest = 0, censored }: Pick<DimensionModel, 'largest' | 'censored'>,
): Ceiling | undefined {
  const ratio = context.evidence.requestRatios?.[dimension]
  if (ratio === undefined) return undefined
  const amount = (context.query.requested[dimension] ?? 0) * ratio.largest
  const killed = Math.max(highestCensored(censored) ?? 0, knownFailure(context, dimension) ?? 0)
  return amount >= largest && amount > killed ? { amount, tasks: ratio.tasks } : undefined
}

/**
 * What was predicted to lie above the ceiling is given no more than that. That it lies there is believed as far as the next task
 * is like those before: of all, it needs the largest share of its request with probability 1 / (tasks + 1).
 */
function withCeiling(need: PredictedNeed, { amount, tasks }: Ceiling): PredictedNeed {
  const { distribution, believed, atEdge } = need
  const above = 1 - probability(believed ?? distribution, amount)
  return {
    ...need,
    distribution: cappedAt(distribution, amount),
    believed: believed && cappedAt(believed, amount),
    atEdge: atEdge && cappedAt(atEdge, amount),
    ceiling: { chance: above / (tasks + 1), largest: amount },
  }
}

function foremostOf(predictions: readonly Prediction[]): Prediction | undefined {
  let foremost: Prediction | undefined
  for (const prediction of predictions)
    if (foremost === undefined || prediction.weight > foremost.weight) foremost = prediction
  return foremost
}

/** Lower bounds of needs to come; the mean of CPU so far is none. */
function runningPeaks(task: LearnedProfile | undefined, dimension: Dimension): readonly number[] {
  const running = task?.profile.running ?? []
  if (running.length === 0 || shortfall[dimension] === 'throttle') return []
  return running.flatMap(({ peak }) => peak[dimension] ?? [])
}

/** Of each strategy asked; those that predict are among them in the same order. */
function predictionsOf(
  strategies: readonly string[],
  predictions: readonly Prediction[],
  unfollowed: ReadonlyMap<string, string>,
  { faults }: StrategyAccess,
  growthFactor: number,
): readonly StrategyPrediction[] {
  const areAll = predictions.length === strategies.length
  if (areAll && unfollowed.size === 0 && growthFactor === 1) return predictions
  let next = 0
  return strategies.map((strategy) => {
    const prediction = predictions[next]
    if (prediction?.strategy !== strategy)
      return { strategy, weight: 0, reason: faults.get(strategy) ?? 'abstains' }
    next++
    const { weight } = prediction
    const reason = weight > 0 ? undefined : unfollowed.get(strategy)
    if (growthFactor === 1 && reason === undefined) return prediction
    const value = prediction.value * growthFactor
    return { strategy, value, weight, reason: reason && `not followed: ${reason}` }
  })
}

const allFollowed: ReadonlyMap<string, string> = new Map()

/** Strategies that are not followed and why: by the task's own record or, whatever the task, by the breakers. */
function unfollowedIn(
  { evidence: { task }, access, asked }: Context,
  dimension: Dimension,
): ReadonlyMap<string, string> {
  let reasons: Map<string, string> | undefined
  for (const strategy of asked) {
    const reason = access.unfollowed(strategy)
    if (reason !== undefined) reasons = (reasons ?? new Map<string, string>()).set(strategy, reason)
  }
  for (const poor of task?.poor ?? []) {
    if (poor.dimension !== dimension) continue
    reasons = (reasons ?? new Map<string, string>()).set(poor.strategy, 'its record is poor')
  }
  return reasons ?? allFollowed
}
