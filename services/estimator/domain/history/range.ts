import { logOf, type Point } from '../features/encoder.ts'
import type { ExecutionSet, ObservedExecutions } from './observed-executions.ts'

/** A query beyond the range of a feature: farther than its executions usually were. */
export interface BeyondRange {
  readonly column: number
  /** ln(value / largest value seen), above `advance`; what is farther than `farthest` is as far. */
  readonly distance: number
  /** ln(edge of the range / largest value seen), at least 0. */
  readonly advance: number
  /** The query as it were at the edge of the range. */
  readonly edge: Point
}

/** What was asked, and the answer. */
export interface AskedRange {
  readonly set: ExecutionSet
  readonly column: number | undefined
  readonly point: Point
  readonly found: BeyondRange | undefined
}

/** As a logarithm: e^20 times the largest. Beyond, nothing could be told apart, and exponentials overflow. */
export const farthest = 20

/** Distances differ by no less than this, a logarithm. */
const leastDifference = 1e-6
const isFarther = (distance: number, advance: number): boolean => distance > advance + leastDifference
/** As what is beyond the range is. */
export const isLarger = (value: number, largest: number): boolean =>
  isFarther(Math.log(value) - Math.log(largest), 0)

/** Undefined within the range, and where the column is unknown of the query or is not a size (above 0). */
export function beyondRange(
  executions: ObservedExecutions,
  column: number | undefined,
  point: Point,
): BeyondRange | undefined {
  const largest = column === undefined ? undefined : largestBelow(executions, column, point)
  if (column === undefined || largest === undefined) return undefined
  const distance = Math.min(farthest, Math.log(point.values[column] as number) - Math.log(largest))
  const advance = usualAdvance(executions, column)
  if (!isFarther(distance, advance)) return undefined
  const end = largest * Math.exp(advance)
  const edge = {
    ...point,
    values: point.values.with(column, end),
    logs: point.logs.with(column, logOf(end)),
  }
  return { column, distance, advance, edge }
}

/** Fewer executions do not tell what is usual. */
const fewestTold = 5

/**
 * How far beyond the largest value before it an execution came: the median, as a logarithm. 0 but for a series whose values
 * grow as it goes. What the strategies were off by there is in their residuals, so that far the range reaches.
 */
function usualAdvance({ points }: ObservedExecutions, column: number): number {
  const advances: number[] = []
  let largest: number | undefined
  for (const { values } of points) {
    const value = values[column]
    if (value === undefined || !(value > 0)) continue
    advances.push(largest === undefined ? 0 : Math.max(0, Math.log(value / largest)))
    largest = Math.max(largest ?? 0, value)
  }
  if (advances.length < fewestTold) return 0
  return advances.sort((a, b) => a - b)[(advances.length - 1) >> 1] as number
}

/** How many times the largest value seen of a column a point is, where it is beyond the range. */
export function timesLargestSeen(
  executions: ObservedExecutions,
  column: number,
  point: Point,
): number | undefined {
  const largest = largestBelow(executions, column, point)
  if (largest === undefined) return undefined
  return Math.min((point.values[column] as number) / largest, Math.exp(farthest))
}

/** The largest value of a column, where that is a size, and less than a point's. */
function largestBelow({ largest }: ObservedExecutions, column: number, point: Point): number | undefined {
  const value = point.values[column]
  const found = largest[column] ?? 0
  return value !== undefined && found > 0 && found < value ? found : undefined
}
