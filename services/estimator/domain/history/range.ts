import type { Point } from '../features/encoder.ts'
import { type ObservedExecutions, orderedBy } from './observed-executions.ts'

/** A query beyond the largest value that executions had of a feature. */
export interface BeyondRange {
  readonly column: number
  /** ln(value / largest value seen), above 0; what is farther than `farthest` is as far. */
  readonly distance: number
  /** The query as it were at the largest value seen: the edge of the range. */
  readonly edge: Point
}

/** As a logarithm: e^20 times the largest. Beyond, nothing could be told apart, and exponentials overflow. */
export const farthest = 20

/** Undefined within the range, and where the column is unknown of the query or is not a size (above 0). */
export function beyondRange(
  executions: ObservedExecutions,
  column: number | undefined,
  point: Point,
): BeyondRange | undefined {
  const value = column === undefined ? undefined : point.values[column]
  if (column === undefined || value === undefined || !(value > 0)) return undefined
  const { order, present } = orderedBy(executions, column)
  const last = present === 0 ? undefined : executions.points[order[present - 1] as number]
  const largest = last?.values[column] ?? 0
  if (last === undefined || !(largest > 0 && value > largest)) return undefined
  const edge = {
    ...point,
    values: point.values.with(column, largest),
    logs: point.logs.with(column, last.logs[column]),
  }
  return { column, distance: Math.min(farthest, Math.log(value) - Math.log(largest)), edge }
}

/**
 * How many times the largest value seen of a column a point is, where it is beyond the range.
 * Of any column: `beyondRange` would put the executions in another order for each.
 */
export function timesLargestSeen(
  { points }: ObservedExecutions,
  column: number,
  point: Point,
): number | undefined {
  const value = point.values[column]
  if (value === undefined || !(value > 0)) return undefined
  let largest = 0
  for (const { values } of points) {
    const seen = values[column]
    if (seen === undefined) continue
    if (seen >= value) return undefined
    if (seen > largest) largest = seen
  }
  return largest > 0 ? Math.min(value / largest, Math.exp(farthest)) : undefined
}
