import type { ByWeighting } from '../history/sample-weights.ts'
import { accumulate, atoms, insertAtom, mergeAtoms } from './atoms.ts'
import type { Distribution } from './distribution.ts'
import { addResidual, type Kernel, type Residuals, residuals, skewedKernel } from './residuals.ts'
import { type DistributionWorkspace, distributionWorkspace } from './workspace.ts'

/** One strategy's residuals around its prediction: a component of a mixture. */
export interface ResidualComponent {
  readonly residuals: Residuals
  readonly logPrediction: number
  /** Weights of the executions, by their number. */
  readonly slow: Float64Array
  readonly fast: Float64Array
  readonly proximity: Float64Array
  /** What a unit of each weighting is worth in the mixture. */
  readonly shares: ByWeighting<number>
}

/** What is believed beside the residuals: a peak of this scale at its logarithm. */
export interface PriorComponent {
  readonly at: number
  readonly scale: number
  readonly share: number
}

/** How long executions ran, by their number, and on average. */
export interface Runtimes {
  readonly eachMs: Float64Array
  readonly meanMs: number
}

export interface MixtureOptions {
  /** No atom is above, a logarithm. */
  readonly limit?: number
  readonly kernel?: Kernel
  /** Unset: not known, or nothing hangs on them. */
  readonly runtimes?: Runtimes | undefined
}

const priorAtoms = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7] as const
const priorWeights = [0.08, 0.16, 0.24, 0.24, 0.16, 0.08, 0.04] as const

/** The distribution of a mixture. Valid until the workspace is used again. */
export function mixture(
  components: readonly ResidualComponent[],
  priors: readonly PriorComponent[],
  { limit = Number.POSITIVE_INFINITY, kernel = skewedKernel, runtimes }: MixtureOptions = {},
  workspace: DistributionWorkspace = distributionWorkspace(),
): Distribution {
  makeRoom(components, priors, kernel, workspace)
  const ends: number[] = []
  let size = 0
  for (const component of components) {
    size = placeResiduals(component, kernel, runtimes, workspace, size)
    ends.push(size)
  }
  for (const prior of priors) {
    size = placePrior(prior, runtimes?.meanMs ?? 0, workspace, size)
    ends.push(size)
  }
  mergeRuns(workspace, ends)
  const { at, weights, times } = workspace.held
  for (let i = size - 1; i >= 0 && (at[i] as number) > limit; i--) at[i] = limit
  const timed = runtimes !== undefined
  return {
    size: accumulate(workspace.held, size, timed),
    atoms: at,
    cumulative: weights,
    runtimeShare: timed ? times : weights,
  }
}

function makeRoom(
  components: readonly ResidualComponent[],
  priors: readonly PriorComponent[],
  kernel: Kernel,
  workspace: DistributionWorkspace,
): void {
  let most = priorAtoms.length * priors.length
  for (const { residuals } of components) {
    const { count } = residuals
    most += kernel.atoms.length * count
    if (workspace.shares.length < count) workspace.shares = new Float64Array(2 * count)
  }
  if (workspace.held.at.length >= most) return
  workspace.held = atoms(2 * most)
  workspace.spare = atoms(2 * most)
}

/** Neighbouring residuals are joined until they have this share of their component… */
const enough = 1 / 12
/** …or this share of all that would lie above them: the largest, which an amount hangs on, stay single. */
const enoughAbove = 1 / 4

/**
 * The atoms of a component, from `from` on; returns where they end. A residual that lies within its kernel width of the
 * one below is joined to it, which costs nothing that the traces could tell and takes two thirds of the atoms away.
 */
function placeResiduals(
  component: ResidualComponent,
  kernel: Kernel,
  runtimes: Runtimes | undefined,
  { shares, held }: DistributionWorkspace,
  from: number,
): number {
  const { residuals, logPrediction } = component
  const { values, widths, execution, count } = residuals
  let above = weigh(component, shares)
  const wanted = enough * above
  let size = from
  for (let i = 0; i < count; ) {
    const first = values[i] as number
    let last = first
    let share = 0
    let sum = 0
    let width = 0
    let time = 0
    do {
      const own = shares[i] as number
      last = values[i] as number
      share += own
      sum += own * last
      width += own * (widths[i] as number)
      if (runtimes !== undefined) time += own * (runtimes.eachMs[execution[i] as number] as number)
      above -= own
      i++
    } while (
      i < count &&
      ((values[i] as number) === last ||
        (share < wanted &&
          share < enoughAbove * (above - (shares[i] as number)) &&
          (values[i] as number) - last <= (widths[i] as number)))
    )
    if (!(share > 0)) continue
    const x = logPrediction + sum / share
    width /= share
    if (last > first) {
      insertAtom(held, from, size++, x + kernel.joined * width, share, time)
      continue
    }
    for (let k = 0; k < kernel.atoms.length; k++) {
      const weight = kernel.weights[k] as number
      insertAtom(held, from, size++, x + (kernel.atoms[k] as number) * width, share * weight, time * weight)
    }
  }
  return size
}

/** The share of each residual, in their order; returns the sum. */
function weigh(
  { residuals: { execution, count }, slow, fast, proximity, shares: by }: ResidualComponent,
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

function placePrior(
  { at, scale, share }: PriorComponent,
  runtimeMs: number,
  { held }: DistributionWorkspace,
  from: number,
): number {
  for (let j = 0; j < priorAtoms.length; j++) {
    const weight = share * (priorWeights[j] as number)
    held.at[from + j] = at + scale * (priorAtoms[j] as number)
    held.weights[from + j] = weight
    held.times[from + j] = weight * runtimeMs
  }
  return from + priorAtoms.length
}

/** Runs in order, which end where `ends` says, become one, two by two. */
function mergeRuns(workspace: DistributionWorkspace, ends: number[]): void {
  while (ends.length > 1) {
    const { held, spare } = workspace
    let from = 0
    let runs = 0
    for (let i = 0; i < ends.length; i += 2) {
      const middle = ends[i] as number
      const end = ends[i + 1] ?? middle
      mergeAtoms(held, spare, from, middle, end)
      ends[runs++] = end
      from = end
    }
    ends.length = runs
    workspace.held = spare
    workspace.spare = held
  }
}

/** Some weighted points, widened like residuals, around a logarithm. */
export function mixtureAround(
  points: readonly (readonly [at: number, weight: number])[],
  middle: number,
): Distribution {
  const spread = residuals()
  for (const [i, [at]] of points.entries()) addResidual(spread, at, i)
  const slow = Float64Array.from(points, ([, weight]) => weight)
  const zero = new Float64Array(points.length)
  const component = {
    residuals: spread,
    logPrediction: middle,
    slow,
    fast: zero,
    proximity: zero,
    shares: { slow: 1, fast: 0, slowLocal: 0, fastLocal: 0 },
  }
  const total = slow.reduce((sum, weight) => sum + weight, 0)
  const share = points.length > 0 ? (0.5 * total) / points.length : 1
  return mixture([component], [{ at: middle, scale: 0.6 / (1 + 0.1 * points.length), share }])
}
