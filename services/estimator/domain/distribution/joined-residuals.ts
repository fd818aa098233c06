import type { ByWeighting } from '../history/sample-weights.ts'
import { type Residuals, widthsOf } from './residuals.ts'

/** One strategy's residuals, and what each counts. */
export interface WeightedResiduals {
  readonly residuals: Residuals
  /** Weights of the executions, by their number. */
  readonly slow: Float64Array
  readonly fast: Float64Array
  readonly proximity: Float64Array
  /** What a unit of each weighting is worth in the mixture. */
  readonly shares: ByWeighting<number>
}

/** How long executions ran, by their number, and on average. */
export interface Runtimes {
  readonly eachMs: Float64Array
  readonly meanMs: number
}

/** Numbers of one entry: the mean residual, its width, its share, its share × run time, and 1 where several were joined. */
export const joinedSize = 5

/**
 * Residuals, close ones joined, relative to the prediction.
 * Shape: `count` entries of `joinedSize` numbers each, one after the other in `cells` from `from` on; ascending.
 */
export interface JoinedResiduals {
  readonly cells: Float64Array
  readonly from: number
  readonly count: number
}

/** Scratch space of `joinResiduals`; it grows as needed. */
export interface JoiningWorkspace {
  shares: Float64Array
  cells: Float64Array
}

export const joiningWorkspace = (): JoiningWorkspace => ({
  shares: new Float64Array(0),
  cells: new Float64Array(0),
})

/** Neighbouring residuals are joined until they have this share of their component… */
const enough = 1 / 12
/** …or this share of all that would lie above them: the largest, which an amount hangs on, stay single. */
const enoughAbove = 1 / 4

/**
 * A residual that lies within its kernel width of the one below is joined to it, which costs nothing that the traces could
 * tell and takes two thirds of the atoms away. Valid until the workspace is used again.
 */
export function joinResiduals(
  component: WeightedResiduals,
  runtimes: Runtimes | undefined,
  workspace: JoiningWorkspace,
): JoinedResiduals {
  const { values, execution, count } = component.residuals
  const widths = widthsOf(component.residuals)
  if (workspace.shares.length < count) {
    workspace.shares = new Float64Array(2 * count)
    workspace.cells = new Float64Array(2 * count * joinedSize)
  }
  const { shares, cells } = workspace
  const eachMs = runtimes?.eachMs
  let above = weigh(component, shares)
  const wanted = enough * above
  let size = 0
  let i = 0
  while (i < count) {
    const first = values[i] as number
    let value = first
    let last: number
    let own = shares[i] as number
    let share = 0
    let sum = 0
    let width = 0
    let time = 0
    do {
      last = value
      share += own
      sum += own * value
      width += own * (widths[i] as number)
      if (eachMs !== undefined) time += own * (eachMs[execution[i] as number] as number)
      above -= own
      if (++i === count) break
      value = values[i] as number
      own = shares[i] as number
    } while (
      value === last ||
      (share < wanted && share < enoughAbove * (above - own) && value - last <= (widths[i] as number))
    )
    if (!(share > 0)) continue
    const at = size++ * joinedSize
    cells[at] = sum / share
    cells[at + 1] = width / share
    cells[at + 2] = share
    cells[at + 3] = time
    cells[at + 4] = last > first ? 1 : 0
  }
  return { cells, from: 0, count: size }
}

/** The share of each residual, in their order; returns the sum. */
function weigh(
  { residuals: { execution, count }, slow, fast, proximity, shares: by }: WeightedResiduals,
  shares: Float64Array,
): number {
  const { slow: ofSlow, fast: ofFast, slowLocal: ofSlowLocal, fastLocal: ofFastLocal } = by
  let sum = 0
  for (let i = 0; i < count; i++) {
    const e = execution[i] as number
    const near = proximity[e] as number
    const share =
      (slow[e] as number) * (ofSlow + ofSlowLocal * near) +
      (fast[e] as number) * (ofFast + ofFastLocal * near)
    shares[i] = share
    sum += share
  }
  return sum
}
