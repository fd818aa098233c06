import { logOf, type Point } from '../features/encoder.ts'
import type { ExecutionSet, ObservedExecutions } from './observed-executions.ts'

/** A feature that a query is beyond the range of: farther than its executions usually were. */
export interface BeyondFeature {
  readonly column: number
  /** ln(value / largest value seen), above `advance`; what is farther than `farthest` is as far. */
  readonly distance: number
  /** ln(edge of the range / largest value seen), at least 0. */
  readonly advance: number
}

/** A query beyond the range of one feature or more. */
export interface BeyondRange {
  /** Of them those whose distance can be told. */
  readonly features: readonly BeyondFeature[]
  /** The query as it were at the edge of each range. */
  readonly edge: Point
}

/** What was asked, and the answer. */
export interface AskedRange {
  readonly set: ExecutionSet
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

/** Undefined within the range of every feature; one that is no size (above 0) has none. */
export function beyondRange(executions: ObservedExecutions, point: Point): BeyondRange | undefined {
  const features: BeyondFeature[] = []
  let edge: { readonly values: (number | undefined)[]; readonly logs: (number | undefined)[] } | undefined
  for (let column = 0; column < point.values.length; column++) {
    const largest = largestBelow(executions, column, point)
    if (largest === undefined) continue
    const value = point.values[column] as number
    const advance = usualAdvance(executions, column)
    const end = largest * Math.exp(advance)
    if (value <= end) continue
    edge ??= { values: [...point.values], logs: [...point.logs] }
    edge.values[column] = end
    edge.logs[column] = logOf(end)
    const distance = Math.min(farthest, Math.log(value) - Math.log(largest))
    if (isFarther(distance, advance)) features.push({ column, distance, advance })
  }
  return edge && { features, edge: { ...point, ...edge } }
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
