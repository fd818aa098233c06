import { type Atoms, atoms, mergeRuns, settleAtom } from './atoms.ts'
import type { Distribution } from './distribution.ts'
import {
  type JoinedResiduals,
  joinedSize,
  joinResiduals,
  type Runtimes,
  type WeightedResiduals,
} from './joined-residuals.ts'
import { addResidual, type Kernel, residuals, skewedKernel } from './residuals.ts'
import { type DistributionWorkspace, distributionWorkspace } from './workspace.ts'

/** One strategy's residuals around its prediction: a component of a mixture. */
export type ResidualComponent = { readonly logPrediction: number } & (
  | { readonly weighted: WeightedResiduals; readonly joined?: undefined }
  /** Where that was done before: where nothing of their weights hangs on the query. */
  | { readonly joined: JoinedResiduals; readonly weighted?: undefined }
)

/** What is believed beside the residuals: a peak of this scale at its logarithm. */
export interface PriorComponent {
  readonly at: number
  readonly scale: number
  readonly share: number
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
/** How far a prior reaches above its middle, in scales. */
export const mostOfPrior = Math.max(...priorAtoms)

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
    const joined = component.joined ?? joinResiduals(component.weighted, runtimes, workspace.joined)
    size = placeResiduals(joined, component.logPrediction, kernel, workspace.held, size)
    ends.push(size)
  }
  for (const prior of priors) {
    size = placePrior(prior, runtimes?.meanMs ?? 0, workspace, size)
    ends.push(size)
  }
  const timed = runtimes !== undefined
  const { held, merged, merging } = workspace
  const { at: atoms, weights: cumulative, times } = merged
  return {
    size: mergeRuns(held, ends, limit, merged, timed, merging),
    atoms,
    cumulative,
    runtimeShare: timed ? times : cumulative,
  }
}

function makeRoom(
  components: readonly ResidualComponent[],
  priors: readonly PriorComponent[],
  kernel: Kernel,
  workspace: DistributionWorkspace,
): void {
  let most = priorAtoms.length * priors.length
  for (const { weighted, joined } of components)
    most += kernel.atoms.length * (joined ?? weighted.residuals).count
  if (workspace.held.at.length >= most) return
  workspace.held = atoms(2 * most)
  workspace.merged = atoms(2 * most)
}

/** The atoms of a component, from `from` on; returns where they end. */
function placeResiduals(
  { cells, from: first, count }: JoinedResiduals,
  logPrediction: number,
  { atoms: around, weights: parts, joined }: Kernel,
  held: Atoms,
  from: number,
): number {
  const { at, weights, times } = held
  let size = from
  for (let i = 0; i < count; i++) {
    const cell = first + i * joinedSize
    const x = logPrediction + (cells[cell] as number)
    const width = cells[cell + 1] as number
    const share = cells[cell + 2] as number
    const time = cells[cell + 3] as number
    if (cells[cell + 4] !== 0) {
      at[size] = x + joined * width
      weights[size] = share
      times[size] = time
      settleAtom(held, from, size++)
      continue
    }
    for (let k = 0; k < around.length; k++) {
      const part = parts[k] as number
      at[size] = x + (around[k] as number) * width
      weights[size] = share * part
      times[size] = time * part
      settleAtom(held, from, size++)
    }
  }
  return size
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

/** Some weighted points, widened like residuals, around a logarithm. */
export function mixtureAround(
  points: readonly (readonly [at: number, weight: number])[],
  middle: number,
): Distribution {
  const spread = residuals()
  for (const [i, [at]] of points.entries()) addResidual(spread, at, i)
  const slow = Float64Array.from(points, ([, weight]) => weight)
  const zero = new Float64Array(points.length)
  const weighted = {
    residuals: spread,
    slow,
    fast: zero,
    proximity: zero,
    shares: { slow: 1, fast: 0, slowLocal: 0, fastLocal: 0 },
  }
  const total = slow.reduce((sum, weight) => sum + weight, 0)
  const share = points.length > 0 ? (0.5 * total) / points.length : 1
  return mixture(
    [{ logPrediction: middle, weighted }],
    [{ at: middle, scale: 0.6 / (1 + 0.1 * points.length), share }],
  )
}
