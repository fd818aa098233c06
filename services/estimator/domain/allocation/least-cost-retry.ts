import type { Policy } from '../../../../shared/domain/policy.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { type Distribution, probability } from '../distribution/distribution.ts'
import { withTail } from '../distribution/tail.ts'
import type { DistributionWorkspace } from '../distribution/workspace.ts'
import type { ObservedExecutions } from '../history/observed-executions.ts'
import { meanOf } from './expected-cost.ts'
import { type FailureCost, failurePrice } from './failure-cost.ts'
import { retryAmount } from './retry.ts'
import { riskProfile } from './risk-profile.ts'

/** Share of a failure's explanations: the need is one of the predicted, or else it is like any other of the task. */
const predictedShare = 0.6
/** A retry suffices at least so often, given the failure: a second failure loses more than the first. */
const leastSufficing = ({ risk }: Pick<Policy, 'risk'>): number => 0.6 + 0.4 * risk

/** A retry is at least this many times what failed… */
const aboveFailed = 1.05
/** …and where it follows the need of an execution, so many times that. */
const aboveNeed = 1.03

/** One attempt that failed, and the most that a retry needs to be given: just above the largest need seen. */
export interface Failed {
  readonly amount: number
  readonly most: number
}

/**
 * The retry of least expected cost after a first failure, between the amount that failed and `most`. The failure has shown
 * that the prediction may be wrong, so that what all executions of the task needed counts beside it.
 * Law: within (failed amount, most]; monotone in the risk, which takes small amounts away and makes failures dearer.
 */
export function leastCostRetry(
  { amount: failed, most }: Failed,
  { distribution, tail }: PredictedNeed,
  { needs, count }: Pick<ObservedExecutions, 'needs' | 'count'>,
  cost: FailureCost,
  policy: Pick<Policy, 'risk'>,
  workspace: DistributionWorkspace,
): number {
  const price = priceOf(distribution, cost, policy, workspace)
  const predicted = tail === undefined ? distribution : withTail(distribution, tail, workspace)

  function probabilityAbove(amount: number): number {
    let larger = 0
    for (let i = 0; i < count; i++) if ((needs[i] as number) > amount) larger++
    const ofAll = (larger + 0.5) / (count + 1)
    return predictedShare * (1 - probability(predicted, amount)) + (1 - predictedShare) * ofAll
  }

  const failedBefore = probabilityAbove(failed)
  const mayFail = 1 - leastSufficing(policy)
  let chosen = most
  let least = most + (probabilityAbove(most) / failedBefore) * (retryAmount(cost.largest, most, 2) + price)
  const consider = (amount: number) => {
    if (amount < failed * aboveFailed || amount >= most) return
    const fails = probabilityAbove(amount) / failedBefore
    if (fails > mayFail) return
    const expected = amount + fails * (most + price)
    if (expected >= least) return
    least = expected
    chosen = amount
  }
  for (let i = 0; i < predicted.size; i++) consider(Math.exp(predicted.atoms[i] as number))
  for (let i = 0; i < count; i++) consider((needs[i] as number) * aboveNeed)
  return chosen
}

/** Beyond the range a retry suffices at least so often, given the failure: what was expected there is known to be wrong. */
const leastSufficingBeyond = ({ risk }: Pick<Policy, 'risk'>): number => 0.8 + 0.2 * risk

/** Where more of the failure than this lies in the tail, beyond all that is predicted, growth does not tell what is next. */
const mostUnforeseen = 0.1

/**
 * The retry of least expected cost where a query lies beyond the range and more failed than any execution needed: what is
 * left is how the need may have grown: the most that is predicted where nothing suffices so often. Undefined where nothing is
 * predicted above what failed, or where that was hardly foreseen.
 * Law: above the failed amount; monotone in the risk.
 */
export function leastCostRetryBeyond(
  failed: number,
  { distribution, tail }: PredictedNeed,
  cost: FailureCost,
  policy: Pick<Policy, 'risk'>,
  workspace: DistributionWorkspace,
): number | undefined {
  const price = priceOf(distribution, cost, policy, workspace)
  const predicted = tail === undefined ? distribution : withTail(distribution, tail, workspace)
  const failedBefore = 1 - probability(predicted, failed)
  const last = predicted.size - 1
  const most = Math.exp(predicted.atoms[last] as number)
  const isUnforeseen = (1 - (predicted.cumulative[last] as number)) / failedBefore > mostUnforeseen
  if (isUnforeseen || most < failed * aboveFailed) return undefined
  const mayFail = 1 - leastSufficingBeyond(policy)
  let chosen = most
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < predicted.size; i++) {
    const amount = Math.exp(predicted.atoms[i] as number)
    if (amount < failed * aboveFailed) continue
    const fails = (1 - (predicted.cumulative[i] as number)) / failedBefore
    if (!(fails <= mayFail)) continue
    const expected = amount + fails * (retryAmount(undefined, amount, 2) + price)
    if (expected >= least) continue
    least = expected
    chosen = amount
  }
  return chosen
}

/** What one failure costs, in the need's unit. */
function priceOf(
  distribution: Distribution,
  cost: FailureCost,
  policy: Pick<Policy, 'risk'>,
  workspace: DistributionWorkspace,
): number {
  const typical = cost.typicalNeed ?? meanOf(distribution, workspace)
  return riskProfile(policy).failureFactor * typical * failurePrice(cost, typical)
}
