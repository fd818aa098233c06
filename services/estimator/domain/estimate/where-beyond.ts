import type { Span, Way } from '../distribution/growth.ts'
import type { PairRecord } from '../distribution/growth-record.ts'
import { type DimensionModel, growthRecordOf, pairRecordsOf } from '../ensemble/dimension-model.ts'
import type { Workspace } from '../ensemble/workspace.ts'
import type { Point } from '../features/encoder.ts'
import type { ObservedExecutions } from '../history/observed-executions.ts'
import { type BeyondFeature, type BeyondRange, beyondRange, farthest } from '../history/range.ts'

/** A feature other than the most informative one counts as beyond its range from here on, a logarithm… */
const leastDistance = Math.log(1.05)
/** …where so large a share of the executions had it… */
const leastShare = 0.5
/** …and, since each takes a record of its own, which is among the foremost of the task, so many. */
const mostFeatures = 4

/** Beyond the range of one feature that counts, or more. */
export interface Beyond {
  readonly features: readonly BeyondFeature[]
  /** From the edge to the query, along each of them. */
  readonly ways: readonly Way[]
}

/** Remembered: dimensions of the same executions ask the same. */
export function rangeOf(
  executions: ObservedExecutions,
  point: Point,
  workspace: Workspace,
): BeyondRange | undefined {
  const { set } = executions
  const known = workspace.beyond
  if (known?.set === set && known.point === point) return known.found
  const found = beyondRange(executions, point)
  workspace.beyond = { set, point, found }
  return found
}

/**
 * Undefined within the range of all features that count. A query that is farther along any of them has the same ways, each as far or
 * farther, or more.
 */
export function whereBeyond(
  model: DimensionModel,
  { values }: Point,
  range: BeyondRange,
): Beyond | undefined {
  const { executions, column: primary } = model
  if (primary === undefined) return undefined
  const far = range.features.filter((one) => counts(model, one))
  if (far.length === 0) return undefined
  const pairs = pairRecordsOf(model)
  const foremost = foremostOf(model, primary, pairs)
  const features = far.filter(({ column }) => foremost.includes(column))
  if (features.length === 0) return undefined
  const spanOf = (column: number): Span | undefined => {
    const value = values[column] ?? 0
    const beyond = range.features.find((one) => one.column === column)
    if (beyond !== undefined) return { from: beyond.advance, to: beyond.distance }
    const within = Math.max(-farthest, Math.log(value) - Math.log(executions.largest[column] as number))
    return value > 0 ? { from: within, to: within } : undefined
  }
  const ways = features.map(({ column, advance, distance }): Way => {
    const own = { from: advance, to: distance }
    const pair = pairs.get(column)
    const other = pair && spanOf(pair.joint.column)
    return pair && other ? { record: pair, own, other } : { record: growthRecordOf(model, column), own }
  })
  return { features, ways }
}

/**
 * The most informative feature, the one that says most beside it, and of the others those that explain most of the need, which may be
 * by the same: a function of the task alone.
 */
function foremostOf(
  { features }: DimensionModel,
  primary: number,
  pairs: ReadonlyMap<number, PairRecord>,
): readonly number[] {
  return [...new Set([primary, ...pairs.keys(), ...features.inOrder()])].slice(0, mostFeatures)
}

/** Whether a feature counts as beyond its range: the most informative one always does. */
export function counts(
  { column: primary, executions: { points, count } }: DimensionModel,
  { column, distance, advance }: BeyondFeature,
): boolean {
  if (column === primary) return true
  if (distance - advance < leastDistance) return false
  return points.filter(({ values }) => values[column] !== undefined).length >= leastShare * count
}

/** ln of how many times as large a need is that grows in proportion to what is beyond. */
export const proportionOf = ({ ways }: Beyond): number =>
  Math.max(...ways.map(({ own, other }) => own.to + Math.max(0, other?.to ?? 0)))
