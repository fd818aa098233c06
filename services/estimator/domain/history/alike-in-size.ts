import { logOf, type Point } from '../features/encoder.ts'
import { type ObservedExecutions, orderedBy } from './observed-executions.ts'
import { isLarger } from './range.ts'
import { firstFrom } from './sorted-search.ts'

/** How many executions had a feature, and how many of them were alike in size to a query, and at least as large. */
export interface AlikeInSize {
  readonly executions: number
  /** Beyond the range: to the largest. */
  readonly alike: number
  readonly asLarge: number
}

/** An execution is alike in size from this share of the query on. */
const leastShare = 0.5

/**
 * Along one feature. `edge`: the query, at the edge of each range that it is beyond. Undefined where no size (above 0) is known,
 * and in a series that grows as it goes: there every execution came as the largest.
 */
export function alikeInSize(
  executions: ObservedExecutions,
  column: number,
  edge: Point,
  isBeyond: boolean,
): AlikeInSize | undefined {
  const asked = edge.values[column]
  const largest = executions.largest[column] ?? 0
  if (asked === undefined || !(asked > 0) || isLarger(asked, largest)) return undefined
  const size = Math.min(asked, largest)
  const { sorted, present } = orderedBy(executions, column)
  const from = (least: number) => present - firstFrom(sorted, present, logOf(least))
  return {
    executions: present,
    alike: from(leastShare * size),
    asLarge: isBeyond ? 0 : from(size),
  }
}
