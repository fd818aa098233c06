import type { Distribution } from './distribution.ts'
import { growthLaws, type LawRecord, logGrowth } from './growth-laws.ts'

/**
 * By how much a need grows from the edge of the range to a query beyond it: a distribution over ln(factor).
 * Shape: the first `size` entries; `cells` ascending, in steps of `cellWidth`. Valid until the workspace is used again.
 */
export interface Growth {
  readonly cells: Int32Array
  readonly weights: Float64Array
  readonly size: number
  /** e to the mean of ln(factor). */
  readonly factor: number
}

/**
 * Logarithms of needs beyond the range lie on a grid of this width, rounded up: so that the farther a query, the less sure
 * an amount.
 */
const cellWidth = 0.01
/** What would be farther above the first is put in the last. */
const mostCells = 4096

/** Laws of less weight are left out. */
const leastWeight = 1e-3
/** Each is blurred by this much of the distance to either side: needs may follow a law between two of those listed. */
const blur = 0.07

/** Scratch space of a growth, and of the distribution that has grown. */
export interface GrowthWorkspace {
  readonly byCell: Float64Array
  readonly cells: Int32Array
  readonly weights: Float64Array
  grid: { readonly weights: Float64Array; readonly times: Float64Array }
  grown: {
    readonly atoms: Float64Array
    readonly cumulative: Float64Array
    readonly runtimeShare: Float64Array
  }
}

export const growthWorkspace = (): GrowthWorkspace => ({
  byCell: new Float64Array(mostCells),
  cells: new Int32Array(3 * growthLaws.length),
  weights: new Float64Array(3 * growthLaws.length),
  grid: { weights: new Float64Array(0), times: new Float64Array(0) },
  grown: {
    atoms: new Float64Array(0),
    cumulative: new Float64Array(0),
    runtimeShare: new Float64Array(0),
  },
})

/** `distance`: ln(value / largest value seen), above 0. Law: every factor is at least 1. */
export function growthAt(
  record: LawRecord,
  distance: number,
  { byCell, cells, weights }: GrowthWorkspace,
): Growth {
  let sum = 0
  let total = 0
  let last = 0
  const put = (x: number, weight: number) => {
    const logFactor = Math.max(0, x)
    const cell = Math.min(mostCells - 1, Math.ceil(logFactor / cellWidth))
    byCell[cell] = (byCell[cell] as number) + weight
    if (cell > last) last = cell
    sum += weight * logFactor
    total += weight
  }
  for (const [i, law] of growthLaws.entries()) {
    const weight = record.weights[i] as number
    if (weight < leastWeight) continue
    const grown = logGrowth(law, distance)
    put(grown - blur * distance, weight / 4)
    put(grown, weight / 2)
    put(grown + blur * distance, weight / 4)
  }
  let size = 0
  for (let cell = 0; cell <= last; cell++) {
    if (byCell[cell] === 0) continue
    cells[size] = cell
    weights[size++] = byCell[cell] as number
    byCell[cell] = 0
  }
  return { cells, weights, size, factor: Math.exp(sum / total) }
}

/** The need at the edge, grown: the convolution of both. Law: at any amount, the probability falls with the distance. */
export function grown(edge: Distribution, growth: Growth, space: GrowthWorkspace): Distribution {
  const { first, count } = convolve(edge, growth, space)
  const { weights, times } = space.grid
  const { atoms, cumulative, runtimeShare } = space.grown
  let total = 0
  let totalTime = 0
  for (let cell = 0; cell < count; cell++) {
    total += weights[cell] as number
    totalTime += times[cell] as number
  }
  let size = 0
  let sum = 0
  let time = 0
  let last = -1
  for (let cell = 0; cell < count; cell++) {
    if (weights[cell] === 0) continue
    // A probability between two needs is spread over one cell, not over the gap between them.
    for (let at = last >= 0 && last < cell - 1 ? cell - 1 : cell; at <= cell; at++) {
      if (at === cell) {
        sum += weights[cell] as number
        time += times[cell] as number
      }
      atoms[size] = (first + at) * cellWidth
      cumulative[size] = Math.min(1, sum / total)
      runtimeShare[size++] = Math.min(1, time / totalTime)
    }
    last = cell
  }
  cumulative[size - 1] = 1
  runtimeShare[size - 1] = 1
  return { size, atoms, cumulative, runtimeShare }
}

/** Each need at the edge × each growth, on the grid: from cell `first` on, `count` cells. */
function convolve(
  { size, atoms, cumulative, runtimeShare }: Distribution,
  growth: Growth,
  space: GrowthWorkspace,
): { readonly first: number; readonly count: number } {
  const cellOf = (i: number) => Math.ceil((atoms[i] as number) / cellWidth)
  const first = cellOf(0)
  const most = growth.cells[growth.size - 1] as number
  const count = Math.min(mostCells, cellOf(size - 1) - first + most + 1)
  makeRoom(space, count)
  const { weights, times } = space.grid
  let weight = 0
  let time = 0
  for (let i = 0; i < size; ) {
    const cell = cellOf(i)
    while (i < size && cellOf(i) === cell) i++
    const ownWeight = (cumulative[i - 1] as number) - weight
    const ownTime = (runtimeShare[i - 1] as number) - time
    for (let j = 0; j < growth.size; j++) {
      const at = Math.min(count - 1, cell - first + (growth.cells[j] as number))
      const share = growth.weights[j] as number
      weights[at] = (weights[at] as number) + ownWeight * share
      times[at] = (times[at] as number) + ownTime * share
    }
    weight = cumulative[i - 1] as number
    time = runtimeShare[i - 1] as number
  }
  return { first, count }
}

function makeRoom(space: GrowthWorkspace, count: number): void {
  if (space.grid.weights.length >= count) {
    space.grid.weights.fill(0, 0, count)
    space.grid.times.fill(0, 0, count)
    return
  }
  const array = () => new Float64Array(2 * count)
  space.grid = { weights: array(), times: array() }
  space.grown = { atoms: array(), cumulative: array(), runtimeShare: array() }
}
