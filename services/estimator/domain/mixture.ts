import { type Atoms, accumulate, atoms, insertAtom, mergeAtoms } from './atoms.ts'
import type { Distribution } from './distribution.ts'
import { type Kernel, leaning, note, type Residuals, residuals } from './residuals.ts'

/** Residuals around one prediction: one part of a mixture. */
export interface Part {
  readonly residuals: Residuals
  /** ln(prediction). */
  readonly shift: number
  /** Share of the whole, by number of execution. */
  readonly shares: Shares
}

/** slow · (bySlow + bySlowNear · near) + fast · (byFast + byFastNear · near). Arrays by number of execution. */
export interface Shares {
  readonly slow: Float64Array
  readonly fast: Float64Array
  readonly near: Float64Array
  readonly bySlow: number
  readonly byFast: number
  readonly bySlowNear: number
  readonly byFastNear: number
}

/** What is believed beside the residuals: a peak of this scale at ln(prediction). */
export interface Prior {
  readonly shift: number
  readonly scale: number
  readonly share: number
}

/** How long executions ran, by their number, and on average. */
export interface Runtimes {
  readonly each: Float64Array
  readonly mean: number
}

export interface MixtureOptions {
  /** No atom is above, a logarithm. */
  readonly limit?: number
  readonly kernel?: Kernel
  /** Unset: not known, or nothing hangs on them. */
  readonly runtimes?: Runtimes | undefined
}

/** Arrays that a distribution is made in, so that the next one needs no new ones. It is valid until they are used again. */
export interface Workspace {
  shares: Float64Array
  held: Atoms
  spare: Atoms
}

export const workspace = (): Workspace => ({ shares: new Float64Array(0), held: atoms(0), spare: atoms(0) })

const peakAtoms = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7] as const
const peakWeights = [0.08, 0.16, 0.24, 0.24, 0.16, 0.08, 0.04] as const

/** The atoms of some parts and priors. */
export function mixture(
  parts: readonly Part[],
  priors: readonly Prior[],
  { limit = Number.POSITIVE_INFINITY, kernel = leaning, runtimes }: MixtureOptions = {},
  made: Workspace = workspace(),
): Distribution {
  makeRoom(parts, priors, kernel, made)
  const ends: number[] = []
  let size = 0
  for (const part of parts) {
    size = placePart(part, kernel, runtimes, made, size)
    ends.push(size)
  }
  for (const prior of priors) {
    size = placePrior(prior, runtimes?.mean ?? 0, made.held, size)
    ends.push(size)
  }
  mergeRuns(made, ends)
  const { at, weights, times } = made.held
  for (let i = size - 1; i >= 0 && (at[i] as number) > limit; i--) at[i] = limit
  const timed = runtimes !== undefined
  return {
    size: accumulate(made.held, size, timed),
    atoms: at,
    below: weights,
    spent: timed ? times : weights,
  }
}

function makeRoom(parts: readonly Part[], priors: readonly Prior[], kernel: Kernel, made: Workspace): void {
  let most = peakAtoms.length * priors.length
  for (const { residuals } of parts) {
    const { count } = residuals
    most += kernel.atoms.length * count
    if (made.shares.length < count) made.shares = new Float64Array(2 * count)
  }
  if (made.held.at.length >= most) return
  made.held = atoms(2 * most)
  made.spare = atoms(2 * most)
}

/** Neighbouring residuals are joined until they have this share of their part… */
const enough = 1 / 12
/** …or this share of all that would lie above them: the largest, which an amount hangs on, stay single. */
const enoughAbove = 1 / 4

/**
 * The atoms of a part, from `from` on; returns where they end. A residual that lies within its kernel width of the one
 * below is joined to it, which costs nothing that the traces could tell and takes two thirds of the atoms away.
 */
function placePart(
  part: Part,
  kernel: Kernel,
  runtimes: Runtimes | undefined,
  { shares, held }: Workspace,
  from: number,
): number {
  const { residuals, shift } = part
  const { values, widths, origin, count } = residuals
  let above = weigh(part, shares)
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
      if (runtimes !== undefined) time += own * (runtimes.each[origin[i] as number] as number)
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
    const x = shift + sum / share
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
function weigh({ residuals: { origin, count }, shares: by }: Part, shares: Float64Array): number {
  const { slow, fast, near, bySlow, byFast, bySlowNear, byFastNear } = by
  let sum = 0
  for (let i = 0; i < count; i++) {
    const o = origin[i] as number
    const n = near[o] as number
    const share =
      (slow[o] as number) * (bySlow + bySlowNear * n) + (fast[o] as number) * (byFast + byFastNear * n)
    shares[i] = share
    sum += share
  }
  return sum
}

function placePrior({ shift, scale, share }: Prior, runtime: number, held: Atoms, from: number): number {
  for (let j = 0; j < peakAtoms.length; j++) {
    const weight = share * (peakWeights[j] as number)
    held.at[from + j] = shift + scale * (peakAtoms[j] as number)
    held.weights[from + j] = weight
    held.times[from + j] = weight * runtime
  }
  return from + peakAtoms.length
}

/** Runs in order, which end where `ends` says, become one, two by two. */
function mergeRuns(made: Workspace, ends: number[]): void {
  while (ends.length > 1) {
    const { held, spare } = made
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
    made.held = spare
    made.spare = held
  }
}

/** Some weighted points, widened like residuals, around ln(prediction). */
export function around(
  points: readonly (readonly [at: number, weight: number])[],
  shift: number,
): Distribution {
  const spread = residuals()
  for (const [origin, [at]] of points.entries()) note(spread, at, origin)
  const slow = Float64Array.from(points, ([, weight]) => weight)
  const none = new Float64Array(points.length)
  const shares = { slow, fast: none, near: none, bySlow: 1, byFast: 0, bySlowNear: 0, byFastNear: 0 }
  const total = slow.reduce((sum, weight) => sum + weight, 0)
  const share = points.length > 0 ? (0.5 * total) / points.length : 1
  const prior = { shift, scale: 0.6 / (1 + 0.1 * points.length), share }
  return mixture([{ residuals: spread, shift, shares }], [prior])
}
