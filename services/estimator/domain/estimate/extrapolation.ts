import { meanOf } from '../allocation/expected-cost.ts'
import type { FailureCost } from '../allocation/failure-cost.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { doubtAt } from '../distribution/doubt.ts'
import { grown, growthAt } from '../distribution/growth.ts'
import { type DimensionModel, growthLawsOf } from '../ensemble/dimension-model.ts'
import type { Workspace } from '../ensemble/workspace.ts'
import type { BeyondRange } from '../history/range.ts'

/** What is predicted of a need, and what a failure there costs. */
export interface Outlook {
  readonly need: PredictedNeed
  readonly failureCost: FailureCost
  /** By how much predictions grow from the edge of the range, on average; 1 within it. */
  readonly growthFactor: number
}

/**
 * An outlook at the edge of the range, grown to the query: by the growth laws that the task's own record supports, which
 * disagree where it says little. Valid until the workspace is used again.
 */
export function extrapolate(
  { need, failureCost }: Outlook,
  { column, distance }: BeyondRange,
  model: DimensionModel,
  { distribution: workspace }: Workspace,
): Outlook {
  const record = growthLawsOf(model, column)
  const growth = growthAt(record, distance, workspace.growth)
  const { factor } = growth
  const largest = failureCost.largest ?? 0
  return {
    need: {
      ...need,
      distribution: grown(need.distribution, growth, workspace.growth),
      doubt: doubtAt(record, distance, model.largest ?? largest),
    },
    failureCost: {
      ...failureCost,
      largest: largest * factor,
      typicalNeed: meanOf(need.distribution, workspace) * factor,
    },
    growthFactor: factor,
  }
}
