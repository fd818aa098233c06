import type { EstimateSource, StrategyPrediction } from '../../../../shared/domain/estimate.ts'
import type { FailureCost } from '../allocation/failure-cost.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import type { OwnHistory, WithoutOwnHistory } from './reasons.ts'

/** What is predicted and would be given in one dimension, before adjustments. Valid until the next is made. */
export interface Recommendation {
  readonly need: PredictedNeed
  readonly amount: number
  /**
   * Where it is not from the task's own history: what it would be at the lowest risk, without a target coverage. What refutes it
   * does so at any.
   */
  readonly leastAmount?: number | undefined
  /** Where it is from the task's own history: its `largest` is where a retry goes at most at first. */
  readonly failureCost?: FailureCost | undefined
  /** Beyond the largest input seen: the request is evidence again. */
  readonly isBeyondRange?: boolean
  /** Beyond the range: the largest need seen, had it grown in proportion to the feature. */
  readonly inProportion?: number | undefined
  readonly source: EstimateSource
  readonly reason: OwnHistory | WithoutOwnHistory
  /** The strategy of most weight; unset where none was used. */
  readonly strategy?: string | undefined
  readonly predictions: readonly StrategyPrediction[]
}
