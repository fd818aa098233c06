import { clamp } from '../../../../shared/domain/clamp.ts'
import { meanOf } from '../allocation/expected-cost.ts'
import type { FailureCost } from '../allocation/failure-cost.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { blend, type Distribution } from '../distribution/distribution.ts'
import { doubtAt, leverageOf } from '../distribution/doubt.ts'
import { grown, growthAt, type Span, stopChance, stopChanceOfAmount } from '../distribution/growth.ts'
import type { GrowthRecord } from '../distribution/growth-record.ts'
import { logJointGrowth } from '../distribution/joint-laws.ts'
import { populations } from '../distribution/population.ts'
import { type DimensionModel, growthRecordOf, jointGrowthOf } from '../ensemble/dimension-model.ts'
import type { Workspace } from '../ensemble/workspace.ts'
import { logOf, type Point } from '../features/encoder.ts'
import { type BeyondRange, beyondRange, farthest } from '../history/range.ts'

/** A feature other than the most informative one counts as beyond its range from here on, a logarithm… */
const leastDistance = Math.log(1.05)
/** …and where so large a share of the executions had it. */
const leastShare = 0.5

/** Beyond the range of a feature, and where it is in the other one that its growth goes by. */
export interface Beyond extends BeyondRange, Span {
  readonly record: GrowthRecord
  /** ln of how many times as large a need is that grows in proportion to what is beyond. */
  readonly proportion: number
}

/**
 * Where a query is beyond the range: along the most informative feature, or else along the one of the others that the need
 * is expected to grow most with; and along the other feature of its record. Undefined within the range.
 */
export function whereBeyond(model: DimensionModel, point: Point, workspace: Workspace): Beyond | undefined {
  const { executions, column: primary } = model
  const beyond = beyondPrimary(model, point, workspace)
  if (beyond !== undefined) return withOtherFeature(model, beyond, point)
  if (primary === undefined) return undefined
  let found: BeyondRange | undefined
  let most = 1
  for (let column = 0; column < point.values.length; column++) {
    const other = column === primary ? undefined : beyondRange(executions, column, point)
    if (other === undefined || other.distance - other.advance < leastDistance) continue
    const having = executions.points.filter(({ values }) => values[column] !== undefined).length
    if (having < leastShare * executions.count) continue
    const { factor } = growthAt(growthRecordOf(model, column), other, workspace.distribution.growth)
    if (factor <= most) continue
    most = factor
    found = other
  }
  return found && withOtherFeature(model, found, point)
}

/** The edge is that of both features where the query is beyond both. */
function withOtherFeature(model: DimensionModel, beyond: BeyondRange, point: Point): Beyond {
  const record = jointGrowthOf(model, beyond.column)
  const { joint } = record
  const along = { ...beyond, record, proportion: beyond.distance }
  const value = joint === undefined ? undefined : point.values[joint.column]
  if (joint === undefined || value === undefined || !(value > 0)) return along
  const { column, largest, range } = joint
  const to = clamp(Math.log(value) - largest, -range, farthest)
  if (to <= 0) return { ...along, other: [to, to] }
  const end = model.executions.largest[column] as number
  const { values, logs } = beyond.edge
  const edge = { ...beyond.edge, values: values.with(column, end), logs: logs.with(column, logOf(end)) }
  return { ...along, edge, other: [0, to], proportion: beyond.distance + to }
}

/** Of both features the one that is farther beyond. */
function leverage({
  distance,
  advance,
  record: { range, joint },
  other: [from, to] = [0, 0],
}: Beyond): number {
  const own = leverageOf(distance - advance, range)
  return joint === undefined ? own : Math.max(own, leverageOf(to - from, joint.range))
}

/**
 * The need at the edge. With two features that is a corner where few executions have been: what the likeliest law makes of all
 * of them is as likely right as what is predicted there.
 */
function edgeOf(
  predicted: Distribution,
  { record: { joint }, advance, other: [from] = [0, 0] }: Beyond,
): Distribution {
  if (joint === undefined) return predicted
  const { likeliest, errors } = joint
  const atLaw = logJointGrowth(likeliest, advance, from)
  const atoms = errors.map((error) => atLaw + error)
  const cumulative = errors.map((_, i) => (i + 1) / errors.length)
  const byLaw = { size: errors.length, atoms, cumulative, runtimeShare: cumulative }
  return blend(predicted, byLaw, 1 / 2)
}

function beyondPrimary(
  { executions, column }: DimensionModel,
  point: Point,
  workspace: Workspace,
): BeyondRange | undefined {
  const { set } = executions
  const known = workspace.beyond
  if (known?.set === set && known.column === column && known.point === point) return known.found
  const found = beyondRange(executions, column, point)
  workspace.beyond = { set, column, point, found }
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
  beyond: Beyond,
  model: DimensionModel,
  { distribution: workspace }: Workspace,
): Outlook {
  const { record } = beyond
  const edge = edgeOf(need.distribution, beyond)
  const growth = growthAt(record, beyond, workspace.growth, stopChanceOfAmount)
  const stopping = growthAt(record, beyond, workspace.stopping, stopChance)
  const { factor } = growth
  const largest = failureCost.largest ?? 0
  return {
    need: {
      ...need,
      distribution: grown(edge, growth, workspace.growth),
      believed: grown(edge, stopping, workspace.stopping),
      doubt: doubtAt(
        leverage(beyond),
        record.scatter,
        model.largest ?? largest,
        populations[model.dimension],
      ),
    },
    failureCost: {
      ...failureCost,
      largest: largest * factor,
      typicalNeed: meanOf(edge, workspace) * factor,
    },
    growthFactor: factor,
  }
}
