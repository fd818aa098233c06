import type { Point } from '../features/encoder.ts'

/**
 * The executions that a dimension of a task was observed in, oldest first.
 * Shape: the first `count` entries of each array. Grows in place, by `addExecution` alone.
 */
export interface ObservedExecutions {
  count: number
  readonly points: Point[]
  needs: Float64Array
  /** Milliseconds, at least 1. One that is not known is the mean before, or the first one known. */
  runtimesMs: Float64Array
  /** Weights that grow with time, slowly and fast, which is forgetting what came before. */
  slow: Float64Array
  fast: Float64Array
  /** The executions in order of one column; kept so until another is asked for. */
  readonly byColumn: ColumnOrder
  /** Each execution's value of one label; kept so until another is asked for. */
  readonly byLabel: LabelValues
  /** By column the first execution with its largest value, where that is above 0. */
  readonly largest: (Point | undefined)[]
}

/** Shape: the first `present` entries; executions without the feature are not among them. Equal values are in order of arrival. */
interface ColumnOrder {
  column: number | undefined
  present: number
  order: Int32Array
  sorted: Float64Array
}

/** Values as numbers, in order of first appearance: comparing texts costs more than all else of a proximity. */
interface LabelValues {
  label: string | undefined
  readonly numbers: Map<string | undefined, number>
  readonly values: number[]
}

const firstCapacity = 32

export const observedExecutions = (): ObservedExecutions => ({
  count: 0,
  points: [],
  needs: new Float64Array(firstCapacity),
  runtimesMs: new Float64Array(firstCapacity),
  slow: new Float64Array(firstCapacity),
  fast: new Float64Array(firstCapacity),
  byColumn: {
    column: undefined,
    present: 0,
    order: new Int32Array(firstCapacity),
    sorted: new Float64Array(firstCapacity),
  },
  byLabel: { label: undefined, numbers: new Map(), values: [] },
  largest: [],
})

export interface ObservedExecution {
  readonly point: Point
  readonly need: number
  readonly runtimeMs: number
  readonly slow: number
  readonly fast: number
}

export function addExecution(executions: ObservedExecutions, one: ObservedExecution): void {
  const n = executions.count++
  if (n === executions.slow.length) grow(executions)
  executions.needs[n] = one.need
  executions.runtimesMs[n] = one.runtimeMs
  executions.slow[n] = one.slow
  executions.fast[n] = one.fast
  executions.points.push(one.point)
  const { byColumn, byLabel } = executions
  if (byLabel.label !== undefined) addLabelValue(byLabel, one.point.labels[byLabel.label])
  if (byColumn.column !== undefined) insert(byColumn, one.point.logs[byColumn.column], n)
  const { values } = one.point
  for (let column = 0; column < values.length; column++) {
    const value = values[column]
    if (value !== undefined && value > (executions.largest[column]?.values[column] ?? 0))
      executions.largest[column] = one.point
  }
}

function grow(executions: ObservedExecutions): void {
  const size = 2 * executions.slow.length
  executions.slow = enlarged(executions.slow, size)
  executions.fast = enlarged(executions.fast, size)
  executions.needs = enlarged(executions.needs, size)
  executions.runtimesMs = enlarged(executions.runtimesMs, size)
  const { byColumn } = executions
  byColumn.sorted = enlarged(byColumn.sorted, size)
  const order = new Int32Array(size)
  order.set(byColumn.order)
  byColumn.order = order
}

function enlarged(before: Float64Array, size: number): Float64Array {
  const after = new Float64Array(size)
  after.set(before)
  return after
}

/** The executions in order of a column's logs. */
export function orderedBy({ byColumn, points, count }: ObservedExecutions, column: number): ColumnOrder {
  if (column === byColumn.column) return byColumn
  byColumn.column = column
  byColumn.present = 0
  for (let i = 0; i < count; i++) insert(byColumn, points[i]?.logs[column], i)
  return byColumn
}

function insert(byColumn: ColumnOrder, x: number | undefined, i: number): void {
  if (x === undefined) return
  const { sorted, order } = byColumn
  let at = byColumn.present++
  for (; at > 0 && (sorted[at - 1] as number) > x; at--) {
    sorted[at] = sorted[at - 1] as number
    order[at] = order[at - 1] as number
  }
  sorted[at] = x
  order[at] = i
}

/** Each execution's value of a label as a number, oldest first, and the numbers of the values. */
export function valuesOf(
  { byLabel, points }: ObservedExecutions,
  label: string,
): Pick<LabelValues, 'numbers' | 'values'> {
  if (byLabel.label === label) return byLabel
  byLabel.label = label
  byLabel.numbers.clear()
  byLabel.values.length = 0
  for (const { labels } of points) addLabelValue(byLabel, labels[label])
  return byLabel
}

function addLabelValue({ numbers, values }: LabelValues, value: string | undefined): void {
  const known = numbers.get(value)
  values.push(known ?? numbers.size)
  if (known === undefined) numbers.set(value, numbers.size)
}
