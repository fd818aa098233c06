import {
  type Distribution,
  highestOfPeak,
  type Part,
  type Prior,
  peakAtoms,
  peakWeights,
} from './distribution.ts'
import { type Kernel, leaning, note, type Residuals, residuals } from './residuals.ts'

/** Arrays that a distribution is made in, so that the next one needs no new ones. It is valid until they are used again. */
export interface Workspace {
  edges: Float64Array
  below: Float64Array
  shares: Float64Array
}

const nothing = new Float64Array(0)

export const workspace = (): Workspace => ({ edges: nothing, below: nothing, shares: nothing })

/** The middle atom of every so many-th residual of a part is an edge. */
const stride = 6

/** The atoms of some parts and priors. None is above `limit`, a logarithm. */
export function mixture(
  parts: readonly Part[],
  priors: readonly Prior[],
  limit = Number.POSITIVE_INFINITY,
  made: Workspace = workspace(),
  kernel: Kernel = leaning,
): Distribution {
  let residualCount = 0
  let most = 1
  for (const { residuals } of parts) {
    residualCount += residuals.count
    most += edgesIn(residuals)
  }
  if (made.shares.length < residualCount) made.shares = new Float64Array(2 * residualCount)
  if (made.edges.length < most) {
    made.edges = new Float64Array(2 * most)
    made.below = new Float64Array(2 * most)
  }
  const { edges, below, shares } = made
  const size = setEdges(parts, kernel, highestAtom(parts, kernel, priors, limit), edges)
  below.fill(0, 0, size)
  let from = 0
  for (const part of parts) {
    weighPart(part, kernel, made, size, from)
    from += part.residuals.count
  }
  weighPriors(priors, made, size)
  let total = 0
  for (let i = 0; i < size; i++) {
    total += below[i] as number
    below[i] = total
  }
  const share = 1 / total
  for (let i = 0; i < size; i++) below[i] = (below[i] as number) * share
  below[size - 1] = 1
  return { parts, kernel, priors, size, edges, below, shares, total }
}

const edgesIn = ({ count }: Residuals): number => Math.ceil(count / stride)

function highestAtom(
  parts: readonly Part[],
  { atoms }: Kernel,
  priors: readonly Prior[],
  limit: number,
): number {
  const highAtom = atoms[atoms.length - 1] as number
  let highest = Number.NEGATIVE_INFINITY
  for (const { shift, scale } of priors) highest = Math.max(highest, shift + scale * highestOfPeak)
  for (const { residuals, shift } of parts) {
    const { values, widths, count } = residuals
    if (count === 0) continue
    highest = Math.max(
      highest,
      shift + (values[count - 1] as number) + highAtom * (widths[count - 1] as number),
    )
  }
  return Math.min(highest, limit)
}

/** Ascending; the last is the highest atom. Returns how many. */
function setEdges(parts: readonly Part[], { atoms }: Kernel, highest: number, edges: Float64Array): number {
  const atom = atoms[atoms.length >> 1] as number
  let size = 0
  for (const { residuals, shift } of parts) {
    const { values, widths } = residuals
    const own = edgesIn(residuals)
    let left = size - 1
    size += own
    let i = stride * (own - 1)
    // Merged from behind: those of one part are in order.
    for (let at = size - 1; i >= 0; at--) {
      const edge = shift + (values[i] as number) + atom * (widths[i] as number)
      if (left >= 0 && (edges[left] as number) > edge) {
        edges[at] = edges[left] as number
        left--
      } else {
        edges[at] = edge
        i -= stride
      }
    }
  }
  while (size > 0 && (edges[size - 1] as number) >= highest) size--
  edges[size++] = highest
  return size
}

/** Adds the weight of each atom to its slice. The shares of the part begin at `from`. */
function weighPart(
  part: Part,
  { atoms, weights }: Kernel,
  made: Workspace,
  size: number,
  from: number,
): void {
  const { slow, fast, near, bySlow, byFast, bySlowNear, byFastNear } = part.shares
  const { factors } = part
  const { origin, count } = part.residuals
  const { shares } = made
  let sum = 0
  for (let i = 0; i < count; i++) {
    const o = origin[i] as number
    const n = near[o] as number
    const share =
      (slow[o] as number) * (bySlow + bySlowNear * n) + (fast[o] as number) * (byFast + byFastNear * n)
    sum += factors === undefined ? share : share * (factors[o] as number)
    shares[from + i] = sum
  }
  for (let k = 0; k < atoms.length; k++)
    weighAtoms(part, atoms[k] as number, weights[k] as number, made, size, from)
}

/** One atom of each residual. They are in order, so a slice gets what was added up between its edges. */
function weighAtoms(
  { residuals: { values, widths, count }, shift }: Part,
  atom: number,
  weight: number,
  { edges, below, shares }: Workspace,
  size: number,
  from: number,
): void {
  const last = size - 1
  let before = 0
  let i = 0
  for (let at = 0; at < last && i < count; at++) {
    const edge = edges[at] as number
    while (i < count && shift + (values[i] as number) + atom * (widths[i] as number) <= edge) i++
    const upTo = i > 0 ? (shares[from + i - 1] as number) : 0
    below[at] = (below[at] as number) + weight * (upTo - before)
    before = upTo
  }
  if (count > 0)
    below[last] = (below[last] as number) + weight * ((shares[from + count - 1] as number) - before)
}

function weighPriors(priors: readonly Prior[], { edges, below }: Workspace, size: number): void {
  const last = size - 1
  for (const { shift, scale, share } of priors) {
    let at = 0
    for (let j = 0; j < peakAtoms.length; j++) {
      at = sliceFrom(edges, last, shift + scale * (peakAtoms[j] as number), at)
      below[at] = (below[at] as number) + share * (peakWeights[j] as number)
    }
  }
}

/** The first slice from `at` on whose edge is not below `x`, else the last. */
function sliceFrom(edges: Float64Array, last: number, x: number, at: number): number {
  let to = at
  while (to < last && (edges[to] as number) < x) to++
  return to
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
