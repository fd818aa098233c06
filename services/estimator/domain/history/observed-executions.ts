import type { Point } from '../features/encoder.ts'
import { firstCapacity, largerCapacity } from './capacity.ts'

/** Which executions a dimension was observed in: one object for all dimensions of a task that were observed in the same. */
export interface ExecutionSet {
  readonly size: number
}

const noExecutions: ExecutionSet = { size: 0 }

/** The set with one execution more. */
export const withOneMore = ({ size }: ExecutionSet): ExecutionSet => ({ size: size + 1 })

/**
 * The executions that a dimension of a task was observed in, oldest first.
 * Shape: the first `count` entries of each array. Grows in place, by `addExecution` alone. The arrays of numbers lie side by
 * side in one buffer, 32 bytes an execution: a query reads most of them.
 */
export interface ObservedExecutions {
  count: number
  set: ExecutionSet
  readonly points: Point[]
  needs: Float64Array
  /** Milliseconds, at least 1. One that is not known is the mean before, or the first one known. */
  runtimesMs: Float64Array
  /** The executions in order of one column; kept so until another is asked for. */
  readonly byColumn: ColumnOrder
  /** Each execution's value of one label; kept so until another is asked for. */
  readonly byLabel: LabelValues
  /** By column the largest value, where that is above 0; else 0. */
  readonly largest: number[]
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
  values: Int32Array
}

/** Arrays side by side in one buffer, each for so many executions. */
function arraysOf(capacity: number) {
  const bytes = 8 * capacity
  const buffer = new ArrayBuffer(4 * bytes)
  return {
    sorted: new Float64Array(buffer, 0, capacity),
    order: new Int32Array(buffer, bytes, capacity),
    labels: new Int32Array(buffer, 1.5 * bytes, capacity),
    needs: new Float64Array(buffer, 2 * bytes, capacity),
    runtimesMs: new Float64Array(buffer, 3 * bytes, capacity),
  }
}

export function observedExecutions(capacity = firstCapacity): ObservedExecutions {
  const { sorted, order, labels, ...arrays } = arraysOf(capacity)
  return {
    count: 0,
    set: noExecutions,
    points: [],
    ...arrays,
    byColumn: { column: undefined, present: 0, order, sorted },
    byLabel: { label: undefined, numbers: new Map(), values: labels },
    largest: [],
  }
}

export interface ObservedExecution {
  readonly point: Point
  readonly need: number
  readonly runtimeMs: number
}

/** `set`: what its set is with this one, where other dimensions have observed the same. */
export function addExecution(
  executions: ObservedExecutions,
  one: ObservedExecution,
  set = withOneMore(executions.set),
): void {
  executions.set = set
  const n = executions.count++
  if (n === executions.needs.length) grow(executions)
  executions.needs[n] = one.need
  executions.runtimesMs[n] = one.runtimeMs
  executions.points.push(one.point)
  const { byColumn, byLabel } = executions
  if (byLabel.label !== undefined) addLabelValue(byLabel, n, one.point.labels[byLabel.label])
  if (byColumn.column !== undefined) insert(byColumn, one.point.logs[byColumn.column], n)
  const { values } = one.point
  for (let column = 0; column < values.length; column++) {
    const value = values[column] ?? 0
    executions.largest[column] = Math.max(value, executions.largest[column] ?? 0)
  }
}

function grow(executions: ObservedExecutions): void {
  const { byColumn, byLabel } = executions
  const { sorted, order, labels, needs, runtimesMs } = arraysOf(largerCapacity(executions.needs.length))
  sorted.set(byColumn.sorted)
  order.set(byColumn.order)
  labels.set(byLabel.values)
  needs.set(executions.needs)
  runtimesMs.set(executions.runtimesMs)
  Object.assign(executions, { needs, runtimesMs })
  Object.assign(byColumn, { sorted, order })
  byLabel.values = labels
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
  for (const [i, { labels }] of points.entries()) addLabelValue(byLabel, i, labels[label])
  return byLabel
}

function addLabelValue({ numbers, values }: LabelValues, i: number, value: string | undefined): void {
  const known = numbers.get(value)
  values[i] = known ?? numbers.size
  if (known === undefined) numbers.set(value, numbers.size)
}
