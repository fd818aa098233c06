import type { Distribution } from './distribution.ts'
import type { GrowthRecord } from './growth-record.ts'
import { type JointLaw, leastWeight, logJointGrowth } from './joint-laws.ts'

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
 * Logarithms of needs beyond the range lie on a grid of this width. One between two cells is shared by both, so that it is
 * where it was on average, and the farther a query, the less sure an amount.
 */
const cellWidth = 0.01
/** What would be farther above the first is put at the end. */
const mostCells = 4096

/**
 * Each is blurred by this much of the distance to either side, and one of two features by its errors too, up to `mostErrors`:
 * needs may follow a law between two of those listed.
 */
const blur = 0.07
const mostErrors = 0.05

/** Weights, and weights × run time, cell by cell. */
interface Grid {
  readonly weights: Float64Array
  readonly times: Float64Array
}

/** Scratch space of a growth, and of the distribution that has grown. */
export interface GrowthWorkspace {
  readonly byCell: Float64Array
  /** Of one of several ways. */
  readonly byCellOfNext: Float64Array
  readonly cells: Int32Array
  readonly weights: Float64Array
  edge: Grid
  grid: Grid
  grown: {
    readonly atoms: Float64Array
    readonly cumulative: Float64Array
    readonly runtimeShare: Float64Array
  }
}

export const growthWorkspace = (): GrowthWorkspace => ({
  byCell: new Float64Array(mostCells),
  byCellOfNext: new Float64Array(mostCells),
  cells: new Int32Array(mostCells),
  weights: new Float64Array(mostCells),
  edge: { weights: new Float64Array(0), times: new Float64Array(0) },
  grid: { weights: new Float64Array(0), times: new Float64Array(0) },
  grown: {
    atoms: new Float64Array(0),
    cumulative: new Float64Array(0),
    runtimeShare: new Float64Array(0),
  },
})

/** From where to where a feature goes: of ln(value / largest value seen). Nowhere, where it is within its range. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A way to a query beyond the range: along the feature of a record and, where that is of two, the other one. */
export interface Way {
  readonly record: GrowthRecord
  readonly own: Span
  readonly other?: Span
}

const nowhere: Span = { from: 0, to: 0 }

/** What is counted on beyond the range, beside the record. */
export interface Assumptions {
  /**
   * Chance that a need stops growing before its feature is three times as large, where it has not been seen to grow: a buffer
   * is full, a sample is enough. By the rule of succession, each factor of three that it has grown over makes that less likely.
   */
  readonly mayStop: number
  /** Of what laws of growth faster than in proportion to one feature weigh, so much counts. */
  readonly steep: number
}
export const ofConfidence: Assumptions = { mayStop: 1 / 2, steep: 0.15 }
/** A need that goes on, or grows faster, kills; one that stops wastes. */
export const ofAmount: Assumptions = { mayStop: 0.45, steep: 1 }
const asRecorded: Assumptions = { mayStop: 0, steep: 1 }
const stopEvery = Math.log(3)

/** Growth of so many standard deviations is told from scatter. */
const tellingScatters = 2

/**
 * Over how much of the range, as a logarithm, a need that follows a law is seen not to have stopped growing: down from the largest
 * value, all but what it has grown too little since.
 */
function seenGrowing({ exponent, own, both }: JointLaw, { range, scatter }: GrowthRecord): number {
  const left = 1 - (1 - Math.exp(-tellingScatters * scatter)) / (own + both)
  return left > 0 ? Math.max(0, range + Math.log(left) / exponent) : 0
}

/** What has been put into cells: up to which, and all weights and weighted logarithms of it. */
interface Placed {
  readonly last: number
  readonly total: number
  readonly sum: number
}

/**
 * Of several ways as much lies above each factor as by the one by which most does: features that grow together are not counted
 * twice.
 * Law: every factor is at least 1. What lies above one grows with the end of each span, and with the number of ways.
 */
export function growthAt(
  ways: readonly Way[],
  space: GrowthWorkspace,
  assumed: Assumptions = asRecorded,
): Growth {
  const { byCell, byCellOfNext, cells, weights } = space
  let placed: Placed | undefined
  for (const way of ways) {
    if (placed === undefined) placed = placeGrowth(way, byCell, assumed)
    else placed = placeMost(byCell, placed, byCellOfNext, placeGrowth(way, byCellOfNext, assumed))
  }
  const { last, sum, total } = placed ?? { last: -1, sum: 0, total: 1 }
  let size = 0
  for (let cell = 0; cell <= last; cell++) {
    if (byCell[cell] === 0) continue
    cells[size] = cell
    weights[size++] = byCell[cell] as number
    byCell[cell] = 0
  }
  return { cells, weights, size, factor: Math.exp(sum / total) }
}

/** Puts the growth along one way into cells that are empty. */
function placeGrowth(
  { record, own, other = nowhere }: Way,
  byCell: Float64Array,
  { mayStop, steep }: Assumptions,
): Placed {
  const errors = record.joint === undefined ? 0 : Math.min(mostErrors, record.scatter)
  let sum = 0
  let total = 0
  let last = 0
  const put = (x: number, weight: number) => {
    const logFactor = Math.max(0, x)
    const position = Math.min(mostCells - 2, logFactor / cellWidth)
    const cell = Math.floor(position)
    const above = (position - cell) * weight
    byCell[cell] = (byCell[cell] as number) + weight - above
    byCell[cell + 1] = (byCell[cell + 1] as number) + above
    if (cell + 1 > last) last = cell + 1
    sum += weight * logFactor
    total += weight
  }
  const [ownWay, otherWay] = [own.to - own.from, other.to - other.from]
  // Both features go as fast, each to its end: where one goes on, the other does not go back.
  const way = Math.max(ownWay, otherWay)
  for (const { law, weight: recorded } of record.laws) {
    const weight = law.exponent > 1 && record.joint === undefined ? steep * recorded : recorded
    if (weight < leastWeight) continue
    const atEdge = logJointGrowth(law, own.from, other.from)
    const goesWithOwn = law.own + law.both > 0 || law.other === 0
    const goesWithOther = law.other + law.both > 0
    const putLaw = (gone: number, weight: number) => {
      const [x, y] = [Math.min(ownWay, gone), Math.min(otherWay, gone)]
      const grown = logJointGrowth(law, own.from + x, other.from + y) - atEdge
      const aside = blur * Math.max(goesWithOwn ? x : 0, goesWithOther ? y : 0)
      let below = grown - aside
      if (goesWithOwn && goesWithOther && x !== y) {
        // Where one goes on alone the need may grow by less than the blur: it has grown as far as when both went.
        const both = Math.min(x, y)
        const before = logJointGrowth(law, own.from + both, other.from + both) - atEdge
        below = Math.max(below, before - blur * both)
      }
      put(below - errors, weight / 4)
      put(grown, weight / 2)
      put(grown + aside + errors, weight / 4)
    }
    let left = weight
    let oneIn = 1 / mayStop + seenGrowing(law, record) / stopEvery
    for (let stop = stopEvery; mayStop > 0 && stop < way; stop += stopEvery) {
      putLaw(stop, left / oneIn)
      left *= 1 - 1 / oneIn++
    }
    putLaw(way, left)
  }
  return { last, sum, total }
}

/** Leaves in the cells of one growth what has as much above each as either has at most, and those of the other empty. */
function placeMost(byCell: Float64Array, one: Placed, byCellOfNext: Float64Array, next: Placed): Placed {
  const last = Math.max(one.last, next.last)
  let sum = 0
  let upTo = 0
  let [ofOne, ofNext] = [0, 0]
  for (let cell = 0; cell <= last; cell++) {
    ofOne += byCell[cell] as number
    ofNext += byCellOfNext[cell] as number
    const here = cell === last ? 1 : Math.max(upTo, Math.min(ofOne / one.total, ofNext / next.total))
    byCell[cell] = here - upTo
    byCellOfNext[cell] = 0
    sum += (here - upTo) * cell * cellWidth
    upTo = here
  }
  return { last, total: 1, sum }
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
  return { size, atoms, cumulative, runtimeShare }
}

/** Each need at the edge × each growth, on the grid: from cell `first` on, `count` cells. */
function convolve(
  edge: Distribution,
  growth: Growth,
  space: GrowthWorkspace,
): { readonly first: number; readonly count: number } {
  const first = Math.floor((edge.atoms[0] as number) / cellWidth)
  const ownCount = Math.floor((edge.atoms[edge.size - 1] as number) / cellWidth) - first + 2
  const most = growth.cells[growth.size - 1] as number
  const count = Math.min(mostCells, ownCount + most)
  makeRoom(space, ownCount, count)
  const { edge: own, grid } = space
  placeOnGrid(edge, first, own)
  for (let cell = 0; cell < ownCount; cell++) {
    const weight = own.weights[cell] as number
    const time = own.times[cell] as number
    if (weight === 0) continue
    for (let j = 0; j < growth.size; j++) {
      const at = Math.min(count - 1, cell + (growth.cells[j] as number))
      const share = growth.weights[j] as number
      grid.weights[at] = (grid.weights[at] as number) + weight * share
      grid.times[at] = (grid.times[at] as number) + time * share
    }
  }
  return { first, count }
}

/** Each need shared by the two cells that it lies between. */
function placeOnGrid(
  { size, atoms, cumulative, runtimeShare }: Distribution,
  first: number,
  { weights, times }: Grid,
): void {
  let weight = 0
  let time = 0
  for (let i = 0; i < size; i++) {
    const position = (atoms[i] as number) / cellWidth - first
    const cell = Math.floor(position)
    const part = position - cell
    const ownWeight = (cumulative[i] as number) - weight
    const ownTime = (runtimeShare[i] as number) - time
    weights[cell] = (weights[cell] as number) + (1 - part) * ownWeight
    times[cell] = (times[cell] as number) + (1 - part) * ownTime
    weights[cell + 1] = (weights[cell + 1] as number) + part * ownWeight
    times[cell + 1] = (times[cell + 1] as number) + part * ownTime
    weight = cumulative[i] as number
    time = runtimeShare[i] as number
  }
}

function makeRoom(space: GrowthWorkspace, ownCount: number, count: number): void {
  const array = (length: number) => new Float64Array(2 * length)
  const gridOf = (length: number) => ({ weights: array(length), times: array(length) })
  if (space.edge.weights.length < ownCount) space.edge = gridOf(ownCount)
  if (space.grid.weights.length < count) {
    space.grid = gridOf(count)
    space.grown = { atoms: array(count), cumulative: array(count), runtimeShare: array(count) }
  }
  for (const [{ weights, times }, length] of [
    [space.edge, ownCount],
    [space.grid, count],
  ] as const) {
    weights.fill(0, 0, length)
    times.fill(0, 0, length)
  }
}
