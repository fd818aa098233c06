import type { Point } from '../features/encoder.ts'
import { type ExecutionSet, type ObservedExecutions, orderedBy } from './observed-executions.ts'
import { firstFrom } from './sorted-search.ts'

/** The nearest executions, the nearest first: the first `count` of each array. Valid until others are asked for. */
export interface Neighbours {
  readonly count: number
  readonly needs: Float64Array
  /** |Δ ln(1 + x)| in the column. */
  readonly distances: Float64Array
}

/** As many as any strategy looks at. */
const most = 5

export interface NeighbourSearch {
  /** By the distance in a column; of equals the latest comes first. None where the point or all executions lack it. */
  readonly find: (executions: ObservedExecutions, column: number | undefined, point: Point) => Neighbours
}

/**
 * The strategies ask one after the other for the same point: it is searched once, also for dimensions that were observed in the
 * same executions. One search serves all models.
 */
export function neighbourSearch(): NeighbourSearch {
  const found = {
    count: 0,
    numbers: new Int32Array(most),
    needs: new Float64Array(most),
    distances: new Float64Array(most),
  }
  let executions: ObservedExecutions | undefined
  let set: ExecutionSet | undefined
  let point: Point | undefined
  let column: number | undefined
  return {
    find(among, inColumn, near) {
      const isSearched = set === among.set && point === near && column === inColumn
      if (isSearched && executions === among) return found
      if (!isSearched) search(among, inColumn, near, found)
      for (let i = 0; i < found.count; i++) found.needs[i] = among.needs[found.numbers[i] as number] as number
      executions = among
      set = among.set
      point = near
      column = inColumn
      return found
    },
  }
}

function search(
  executions: ObservedExecutions,
  column: number | undefined,
  point: Point,
  found: { count: number; readonly numbers: Int32Array; readonly distances: Float64Array },
): void {
  found.count = 0
  const x = column === undefined ? undefined : point.logs[column]
  if (column === undefined || x === undefined) return
  const { sorted, order, present } = orderedBy(executions, column)
  let up = firstFrom(sorted, present, x)
  let down = up - 1
  // Executions of the same x lie in the order they came: upwards the latest of each run comes first.
  let runEnd = endOfRun(sorted, present, up)
  let inRun = runEnd - 1
  while (found.count < most && (down >= 0 || up < present)) {
    const below = down >= 0 ? x - (sorted[down] as number) : Number.POSITIVE_INFINITY
    const above = up < present ? (sorted[inRun] as number) - x : Number.POSITIVE_INFINITY
    const takeBelow = below < above || (below === above && (order[down] as number) > (order[inRun] as number))
    const at = takeBelow ? down-- : inRun--
    found.numbers[found.count] = order[at] as number
    found.distances[found.count++] = takeBelow ? below : above
    if (!takeBelow && inRun < up) {
      up = runEnd
      runEnd = endOfRun(sorted, present, up)
      inRun = runEnd - 1
    }
  }
}

function endOfRun(sorted: Float64Array, present: number, from: number): number {
  let end = from
  while (end < present && sorted[end] === sorted[from]) end++
  return end
}
