import type { Point } from './encoding.ts'
import { firstFrom } from './sorted.ts'

/**
 * How much each past execution counts for what is asked: by how long ago it was, slowly or fast forgotten, and by how near
 * its most telling feature is. The views compete like the strategies do: by how well each has foretold.
 */
export const views = 4
/** Those without nearness come first: slowly and fast forgotten. The others are in the same order. */
export const plainViews = 2

/** Of a vote's weight by view, what goes to those that forget fast. */
export const latestShare = (byView: readonly number[]): number => (byView[1] ?? 0) + (byView[3] ?? 0)

/** Per execution: weights of the two views that are the same for every query, and what nearness goes by. */
export interface Recollection {
  slow: Float64Array
  fast: Float64Array
  readonly points: Point[]
  needs: Float64Array
  /** Milliseconds, at least 1. One that is not known is the mean before, or the first one known. */
  runtimes: Float64Array
  /** What one query's nearness is put in. */
  near: Float64Array
  count: number
  /** Executions in order of `column`, those without it at the end; rebuilt when another column tells more. */
  column: number
  order: Int32Array
  sorted: Float64Array
  present: number
  /** Each execution's value of a label; gathered anew when another label tells more. */
  label: string | undefined
  readonly labelled: (string | undefined)[]
}

export const slowFading = 0.99
export const fastFading = 0.9
const capacity = 32

export const recollection = (): Recollection => ({
  slow: new Float64Array(capacity),
  fast: new Float64Array(capacity),
  points: [],
  needs: new Float64Array(capacity),
  runtimes: new Float64Array(capacity),
  near: new Float64Array(capacity),
  count: 0,
  column: -1,
  order: new Int32Array(capacity),
  sorted: new Float64Array(capacity),
  present: 0,
  label: undefined,
  labelled: [],
})

/** What is recalled of an execution. */
export interface Recalled {
  readonly point: Point
  readonly need: number
  readonly runtime: number
  readonly slow: number
  readonly fast: number
}

export function recall(m: Recollection, { point, need, runtime, slow, fast }: Recalled): void {
  const n = m.count++
  if (n === m.slow.length) grow(m)
  m.needs[n] = need
  m.runtimes[n] = runtime
  m.slow[n] = slow
  m.fast[n] = fast
  m.points.push(point)
  if (m.label !== undefined) m.labelled.push(point.labels[m.label])
  if (m.column >= 0) place(m, n)
}

function grow(m: Recollection): void {
  const size = 2 * m.slow.length
  m.slow = larger(m.slow, size)
  m.fast = larger(m.fast, size)
  m.needs = larger(m.needs, size)
  m.runtimes = larger(m.runtimes, size)
  m.near = new Float64Array(size)
  m.sorted = larger(m.sorted, size)
  const order = new Int32Array(size)
  order.set(m.order)
  m.order = order
}

function larger(before: Float64Array, size: number): Float64Array {
  const after = new Float64Array(size)
  after.set(before)
  return after
}

/** Puts the executions in order of a column; keeps them so while it is asked for. */
export function orderBy(m: Recollection, column: number): void {
  if (column === m.column) return
  m.column = column
  m.present = 0
  for (let i = 0; i < m.count; i++) place(m, i)
}

function place(m: Recollection, i: number): void {
  const x = m.points[i]?.logs[m.column] ?? Number.NaN
  if (Number.isNaN(x)) return
  let at = m.present++
  for (; at > 0 && (m.sorted[at - 1] as number) > x; at--) {
    m.sorted[at] = m.sorted[at - 1] as number
    m.order[at] = m.order[at - 1] as number
  }
  m.sorted[at] = x
  m.order[at] = i
}

const bandwidth = 0.1
const stranger = 0.05

/** Nearness of every past execution to a point, in `out`: by the share of executions in between. False: nothing to go by. */
export function nearness(
  m: Recollection,
  column: number,
  label: string | undefined,
  point: Point,
  out: Float64Array,
): boolean {
  const byColumn = column >= 0 && nearInColumn(m, column, point, out)
  if (label === undefined) return byColumn
  const value = point.labels[label]
  if (value === undefined && !byColumn) return false
  if (!byColumn) out.fill(1, 0, m.count)
  if (m.label !== label) {
    m.label = label
    m.labelled.length = 0
    for (const { labels } of m.points) m.labelled.push(labels[label])
  }
  for (let i = 0; i < m.count; i++) if (m.labelled[i] !== value) out[i] = (out[i] as number) * 0.1
  return true
}

function nearInColumn(m: Recollection, column: number, point: Point, out: Float64Array): boolean {
  orderBy(m, column)
  const { sorted, order, present, count } = m
  const x = point.logs[column] ?? Number.NaN
  if (Number.isNaN(x)) {
    if (present === 0) return false
    out.fill(1, 0, count)
    for (let p = 0; p < present; p++) out[order[p] as number] = stranger
    return true
  }
  out.fill(stranger, 0, count)
  const low = firstFrom(sorted, present, x)
  let high = low
  while (high < present && sorted[high] === x) high++
  const scale = 1 / (bandwidth * Math.max(present, 1))
  for (let p = 0; p < present; p++) {
    const between = p < low ? low - p : p >= high ? p - high + 1 : 0
    const d = between * scale
    out[order[p] as number] = 1 / (1 + d * d)
  }
  return true
}
