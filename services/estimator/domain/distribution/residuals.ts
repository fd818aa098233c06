import { clamp } from '../../../../shared/domain/clamp.ts'
import { firstCapacity, largerCapacity } from '../history/capacity.ts'

/**
 * Prequential residuals of one strategy, r = ln(need) − ln(prediction made before the need was known), ascending.
 * Shape: the first `count` entries of each array. `execution` = number of the execution that it came from; `widths` =
 * kernel width: 0.3 × the distance to the √count-th nearest residual, within [0.0015, 0.3], as wide as the neighbourhood
 * is sparse.
 * The arrays lie side by side in one buffer, 20 bytes a residual.
 * Law: only the set matters; bounded by the profile's buffer, which it is a replay of.
 */
export interface Residuals {
  values: Float64Array
  execution: Int32Array
  widths: Float64Array
  count: number
  /** √count, rounded: which neighbour sets a width. */
  rank: number
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

export const residuals = (): Residuals => ({ ...arraysOf(firstCapacity), count: 0, rank: 1, first: 0 })

export function addResidual(r: Residuals, residual: number, execution: number): void {
  if (r.count === 0) r.first = execution
  if (r.count === r.values.length) grow(r)
  const at = insert(r, residual, execution)
  const { count } = r
  const rank = Math.max(1, Math.round(Math.sqrt(count)))
  const isSameRank = rank === r.rank && count > rank + 1
  r.rank = rank
  if (!isSameRank) {
    updateWidths(r, 0, count - 1)
    return
  }
  // Only those that count the newcomer among their nearest can have become narrower.
  let first = Math.max(0, at - rank - 1)
  let last = Math.min(count - 1, at + rank + 1)
  while (first < at && isOutOfReach(r, first, residual)) first++
  while (last > at && isOutOfReach(r, last, residual)) last--
  updateWidths(r, first, last)
}

/** Returns where it was put, after its equals. */
function insert(r: Residuals, residual: number, number: number): number {
  const { values, execution, widths } = r
  let at = r.count++
  for (; at > 0 && (values[at - 1] as number) > residual; at--) {
    values[at] = values[at - 1] as number
    execution[at] = execution[at - 1] as number
    widths[at] = widths[at - 1] as number
  }
  values[at] = residual
  execution[at] = number
  return at
}

/** Whether a newcomer is surely none of the nearest that set a width. */
function isOutOfReach({ values, widths }: Residuals, i: number, newcomer: number): boolean {
  const width = widths[i] as number
  const distance = Math.abs((values[i] as number) - newcomer)
  return width < widestKernel && widthPerDistance * distance > width * (1 + 1e-9)
}

/** The widths from `first` to `last`, by the distance to the rank-th nearest of the others: a window that slides upwards. */
function updateWidths({ values, widths, count, rank }: Residuals, first: number, last: number): void {
  const size = Math.min(rank, count - 1)
  let low = Math.max(0, first - size)
  for (let i = first; i <= last; i++) {
    const v = values[i] as number
    while (
      low < i &&
      low + size < count - 1 &&
      (values[low + size + 1] as number) - v < v - (values[low] as number)
    )
      low++
    const distance = Math.max(v - (values[low] as number), (values[low + size] as number) - v)
    widths[i] = clamp(widthPerDistance * distance, narrowestKernel, widestKernel)
  }
}

/**
 * The first whose value + `widths` of its widths is above `x`; `count` where none is. Widths grow no faster than distances,
 * so these sums are in the order of their residuals.
 */
export function firstReaching({ values, widths, count }: Residuals, widthsAbove: number, x: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] as number) + widthsAbove * (widths[middle] as number) > x) high = middle
    else low = middle + 1
  }
  return low
}

function grow(r: Residuals): void {
  const { values, widths, execution } = arraysOf(largerCapacity(r.values.length))
  values.set(r.values)
  widths.set(r.widths)
  execution.set(r.execution)
  Object.assign(r, { values, widths, execution })
}
