import { clamp } from '../../../../shared/domain/clamp.ts'
import { firstCapacity, largerCapacity } from '../history/capacity.ts'
import { firstAbove } from '../history/sorted-search.ts'

/**
 * Prequential residuals of one strategy, r = ln(need) − ln(prediction made before the need was known), ascending.
 * Shape: the first `count` entries of each array. `execution` = number of the execution that it came from; `widths` =
 * kernel width: 0.3 × the distance to the √count-th nearest residual, within [0.0015, 0.3], as wide as the neighbourhood
 * is sparse. They are read by `widthsOf`: one more residual changes many, and learning needs those of few.
 * The arrays lie side by side in one buffer, 20 bytes a residual.
 * Law: only the set matters; bounded by the profile's buffer, which it is a replay of.
 */
export interface Residuals {
  values: Float64Array
  execution: Int32Array
  widths: Float64Array
  count: number
  /** √count, rounded: how far the nearest that set a width reach. */
  rank: number
  /** Of so many residuals all widths are right. */
  widened: number
  /** Number of the first execution that was predicted. */
  first: number
}

const widthPerDistance = 0.3
/** Of ln(need). */
const narrowestKernel = 0.0015
const widestKernel = 0.3

/** Atoms around a residual in widths, ascending, and how much of its weight each has. */
export interface Kernel {
  readonly atoms: readonly number[]
  readonly weights: readonly number[]
  /** The one atom of several residuals that lie close together, in their mean width. */
  readonly joined: number
}

/** Three atoms around each residual, as wide as its kernel and leaning upwards: what is given hangs on the upper tail. */
export const skewedKernel: Kernel = { atoms: [-0.6, 0.3, 1], weights: [0.45, 0.45, 0.1], joined: 0.2 }

/** Where nothing is weighed against its cost, a residual is one atom: quantiles of many need no more. */
export const pointKernel: Kernel = { atoms: [0], weights: [1], joined: 0 }

/** Arrays side by side in one buffer, each for so many residuals. */
function arraysOf(capacity: number) {
  const bytes = 8 * capacity
  const buffer = new ArrayBuffer(2.5 * bytes)
  return {
    values: new Float64Array(buffer, 0, capacity),
    widths: new Float64Array(buffer, bytes, capacity),
    execution: new Int32Array(buffer, 2 * bytes, capacity),
  }
}

export const residuals = (capacity = firstCapacity): Residuals => ({
  ...arraysOf(capacity),
  count: 0,
  rank: 1,
  widened: 0,
  first: 0,
})

/** Puts it after its equals. */
export function addResidual(r: Residuals, residual: number, number: number): void {
  if (r.count === 0) r.first = number
  if (r.count === r.values.length) grow(r)
  const { values, execution } = r
  let at = r.count++
  for (; at > 0 && (values[at - 1] as number) > residual; at--) {
    values[at] = values[at - 1] as number
    execution[at] = execution[at - 1] as number
  }
  values[at] = residual
  execution[at] = number
  // Of whole numbers: from rank² + rank + 1 on the root is nearer to the next.
  if (r.count > r.rank * (r.rank + 1)) r.rank++
}

/** The kernel width of every residual. */
export function widthsOf(r: Residuals): Float64Array {
  const { values, widths, count } = r
  if (r.widened === count) return widths
  const size = neighboursOf(r)
  let low = 0
  for (let i = 0; i < count; i++) {
    low = lowestUpwards(values, count, size, i, low)
    widths[i] = widthAt(values, size, i, low)
  }
  r.widened = count
  return widths
}

/**
 * The first residual whose kernel, `reach` of its widths to either side, ends above `x`; `count` where none does. Puts the widths of
 * those that reach `x`, and of the first that is too far above, in their places. Widths grow no faster than distances, so the ends
 * of kernels are in the order of their residuals.
 */
export function firstReaching(r: Residuals, reach: number, x: number): number {
  const { values, widths, count } = r
  const size = neighboursOf(r)
  const above = firstAbove(values, count, x)
  let first = above
  let low = 0
  if (above > 0) {
    const between = Math.max(0, Math.min(above - 1 - (size >> 1), count - 1 - size))
    low = lowestUpwards(values, count, size, above - 1, lowestDownwards(values, size, above - 1, between))
  }
  const middle = low
  for (; first > 0; first--) {
    const i = first - 1
    low = lowestDownwards(values, size, i, low)
    const width = widthAt(values, size, i, low)
    widths[i] = width
    if ((values[i] as number) + reach * width <= x) break
  }
  low = middle
  for (let i = above; i < count; i++) {
    low = lowestUpwards(values, count, size, i, low)
    const width = widthAt(values, size, i, low)
    widths[i] = width
    if ((x - (values[i] as number)) / (reach * width) <= -1) break
  }
  return first
}

/** How many of the others a width reaches over. */
const neighboursOf = ({ rank, count }: Residuals): number => Math.min(rank, count - 1)

/** Where the residual at `i` and its `size` nearest begin: at `low` or above, where those of one below it begin at `low`. */
function lowestUpwards(values: Float64Array, count: number, size: number, i: number, low: number): number {
  const v = values[i] as number
  let at = low
  while (at + size < count - 1 && (values[at + size + 1] as number) - v < v - (values[at] as number)) at++
  return at
}

/** The same at `low` or below, where those of one above it begin at `low`. */
function lowestDownwards(values: Float64Array, size: number, i: number, low: number): number {
  const v = values[i] as number
  let at = low
  while (at > 0 && (values[at + size] as number) - v > v - (values[at - 1] as number)) at--
  return at
}

function widthAt(values: Float64Array, size: number, i: number, low: number): number {
  const v = values[i] as number
  const distance = Math.max(v - (values[low] as number), (values[low + size] as number) - v)
  return clamp(widthPerDistance * distance, narrowestKernel, widestKernel)
}

function grow(r: Residuals): void {
  const { values, widths, execution } = arraysOf(largerCapacity(r.values.length))
  values.set(r.values)
  widths.set(r.widths)
  execution.set(r.execution)
  Object.assign(r, { values, widths, execution })
}
