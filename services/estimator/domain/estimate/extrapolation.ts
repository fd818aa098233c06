import { meanOf } from '../allocation/expected-cost.ts'
import type { FailureCost } from '../allocation/failure-cost.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { doubtAt } from '../distribution/doubt.ts'
import { grown, growthAt, stopChance, stopChanceOfAmount } from '../distribution/growth.ts'
import { populations } from '../distribution/population.ts'
import { type DimensionModel, growthLawsOf } from '../ensemble/dimension-model.ts'
import type { Workspace } from '../ensemble/workspace.ts'
import type { Point } from '../features/encoder.ts'
import { type BeyondRange, beyondRange } from '../history/range.ts'

/** A feature other than the most informative one counts as beyond its range from here on, a logarithm… */
const leastDistance = Math.log(1.05)
/** …and where so large a share of the executions had it. */
const leastShare = 0.5

/**
 * Where a query is beyond the range: along the most informative feature, or else along the one of the others that the need
 * is expected to grow most with. Undefined within the range.
 */
export function whereBeyond(
  model: DimensionModel,
  point: Point,
  { distribution: { growth } }: Workspace,
): BeyondRange | undefined {
  const { executions, column: primary } = model
  const beyond = beyondRange(executions, primary, point)
  if (beyond !== undefined || primary === undefined) return beyond
  let found: BeyondRange | undefined
  let most = 1
  for (let column = 0; column < point.values.length; column++) {
    const other = column === primary ? undefined : beyondRange(executions, column, point)
    if (other === undefined || other.distance - other.advance < leastDistance) continue
    const having = executions.points.filter(({ values }) => values[column] !== undefined).length
    if (having < leastShare * executions.count) continue
    const { factor } = growthAt(growthLawsOf(model, column), other, growth)
    if (factor <= most) continue
    most = factor
    found = other
  }
  return found
}

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
  beyond: BeyondRange,
  model: DimensionModel,
  { distribution: workspace }: Workspace,
): Outlook {
  const record = growthLawsOf(model, beyond.column)
  const growth = growthAt(record, beyond, workspace.growth, stopChanceOfAmount)
  const stopping = growthAt(record, beyond, workspace.stopping, stopChance)
  const { factor } = growth
  const largest = failureCost.largest ?? 0
  return {
    need: {
      ...need,
      distribution: grown(need.distribution, growth, workspace.growth),
      believed: grown(need.distribution, stopping, workspace.stopping),
      doubt: doubtAt(
        record,
        beyond.distance - beyond.advance,
        model.largest ?? largest,
        populations[model.dimension],
      ),
    },
    failureCost: {
      ...failureCost,
      largest: largest * factor,
      typicalNeed: meanOf(need.distribution, workspace) * factor,
    },
    growthFactor: factor,
  }
}
