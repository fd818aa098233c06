import { type Atoms, accumulate, atoms, insertAtom, mergeAtoms } from './atoms.ts'
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
  for (const { weighted, joined } of components)
    most += kernel.atoms.length * (joined ?? weighted.residuals).count
  if (workspace.held.at.length >= most) return
  workspace.held = atoms(2 * most)
  workspace.spare = atoms(2 * most)
}

/** The atoms of a component, from `from` on; returns where they end. */
function placeResiduals(
  { cells, from: first, count }: JoinedResiduals,
  logPrediction: number,
  kernel: Kernel,
  held: Atoms,
  from: number,
): number {
  let size = from
  for (let i = 0; i < count; i++) {
    const at = first + i * joinedSize
    const x = logPrediction + (cells[at] as number)
    const width = cells[at + 1] as number
    const share = cells[at + 2] as number
    const time = cells[at + 3] as number
    if (cells[at + 4] !== 0) {
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
