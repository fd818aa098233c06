import { meanOf } from '../allocation/expected-cost.ts'
import type { FailureCost } from '../allocation/failure-cost.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { blend, type Distribution, largerOf } from '../distribution/distribution.ts'
import { type Doubt, doubtAt, leverageOf, mostDoubt } from '../distribution/doubt.ts'
import { grown, growthAt, ofAmount, ofConfidence, type Way } from '../distribution/growth.ts'
import { logJointGrowth } from '../distribution/joint-laws.ts'
import { populations } from '../distribution/population.ts'
import type { DimensionModel } from '../ensemble/dimension-model.ts'
import type { Workspace } from '../ensemble/workspace.ts'
import type { Beyond } from './where-beyond.ts'

/**
 * The need at the edge. Along two features that is a corner where few executions have been: what the likeliest law makes of all
 * of them is as likely right as what is predicted there.
 */
function edgeOf(predicted: Distribution, { record: { joint }, own, other }: Way): Distribution {
  if (joint === undefined || other === undefined) return predicted
  const { likeliest, errors } = joint
  const atLaw = logJointGrowth(likeliest, own.from, other.from)
  const atoms = errors.map((error) => atLaw + error)
  const cumulative = errors.map((_, i) => (i + 1) / errors.length)
  const byLaw = { size: errors.length, atoms, cumulative, runtimeShare: cumulative }
  return blend(predicted, byLaw, 1 / 2)
}

/** Of several ways as much lies above each need as by the one by which most does. */
function edgeOfAll(predicted: Distribution, ways: readonly Way[]): Distribution {
  const edges = new Set(ways.map((way) => edgeOf(predicted, way)))
  return [...edges].reduce(largerOf)
}

/** Of the features of a way the one that is farther beyond. */
const leverage = ({ record: { range, joint }, own, other }: Way): number =>
  Math.max(
    leverageOf(own.to - own.from, range),
    other === undefined || joint === undefined ? 0 : leverageOf(other.to - other.from, joint.range),
  )

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
  { ways }: Beyond,
  model: DimensionModel,
  { distribution: workspace }: Workspace,
): Outlook {
  const edge = edgeOfAll(need.distribution, ways)
  const growth = growthAt(ways, workspace.growth, ofAmount)
  const stopping = growthAt(ways, workspace.stopping, ofConfidence)
  const { factor } = growth
  const largest = failureCost.largest ?? 0
  return {
    need: {
      ...need,
      tail: need.tail && { ...need.tail, largest: need.tail.largest * factor },
      distribution: grown(edge, growth, workspace.growth),
      believed: grown(edge, stopping, workspace.stopping),
      atEdge: need.distribution,
      doubt: doubtOf(ways, model, model.largest ?? largest),
    },
    failureCost: {
      ...failureCost,
      largest: largest * factor,
      typicalNeed: meanOf(edge, workspace) * factor,
    },
    growthFactor: factor,
  }
}

const doubtOf = (ways: readonly Way[], { dimension }: DimensionModel, largest: number): Doubt =>
  ways
    .map((way) => doubtAt(leverage(way), way.record.scatter, largest, populations[dimension]))
    .reduce(mostDoubt)
