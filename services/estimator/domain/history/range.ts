import type { Point } from '../features/encoder.ts'
import type { ObservedExecutions } from './observed-executions.ts'

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
  const last = column === undefined ? undefined : largestBelow(executions, column, point)
  if (column === undefined || last === undefined) return undefined
  const largest = last.values[column] as number
  const edge = {
    ...point,
    values: point.values.with(column, largest),
    logs: point.logs.with(column, last.logs[column]),
  }
  const distance = Math.log(point.values[column] as number) - Math.log(largest)
  return { column, distance: Math.min(farthest, distance), edge }
}

/** How many times the largest value seen of a column a point is, where it is beyond the range. */
export function timesLargestSeen(
  executions: ObservedExecutions,
  column: number,
  point: Point,
): number | undefined {
  const largest = largestBelow(executions, column, point)?.values[column]
  if (largest === undefined) return undefined
  return Math.min((point.values[column] as number) / largest, Math.exp(farthest))
}

/** The execution with the largest value of a column, where that is a size, and less than a point's. */
function largestBelow({ largest }: ObservedExecutions, column: number, point: Point): Point | undefined {
  const value = point.values[column]
  const found = largest[column]
  return value !== undefined && found !== undefined && (found.values[column] as number) < value
    ? found
    : undefined
}
