import { firstReaching, type Kernel, type Residuals } from './residuals.ts'
import { firstAbove, firstFrom } from './sorted.ts'

/**
 * A need as weighted atoms, put in order only where an answer lies: some of the atoms are edges that cut the rest into
 * slices; one pass over the residuals weighs the slices, and `slice` sorts one.
 * Shape: `edges` ascending, logarithms; `below[i]` = P(ln need ≤ edges[i]), the last is 1.
 * Law: never empty; equals sorting all atoms. Reads the residuals that it was made of: valid until these change.
 */
export interface Distribution {
  readonly parts: readonly Part[]
  readonly kernel: Kernel
  readonly priors: readonly Prior[]
  /** How many edges there are: the arrays may be longer. */
  readonly size: number
  readonly edges: Float64Array
  readonly below: Float64Array
  /** Part after part, in the order of their residuals: weight of this one and of those of its part before it. */
  readonly shares: Float64Array
  /** Of all that has weight. */
  readonly total: number
}

/** Residuals around one prediction: one part of a mixture. */
export interface Part {
  readonly residuals: Residuals
  /** ln(prediction). */
  readonly shift: number
  /** Share of the whole, by number of execution. */
  readonly shares: Shares
  /** On the shares, by number of execution. Unset: 1 each. */
  readonly factors?: Float64Array
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

export const peakAtoms = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7] as const
export const peakWeights = [0.08, 0.16, 0.24, 0.24, 0.16, 0.08, 0.04] as const
const [lowestOfPeak] = peakAtoms
export const highestOfPeak = peakAtoms[6]

const sliceOf = ({ edges, size }: Distribution, x: number): number => firstFrom(edges, size - 1, x)

/** The atoms of one slice in order: the first `count` of each array. Equal ones are one. */
export interface Slice {
  of: Distribution | undefined
  index: number
  /** Its atoms are above `low`, and none is above `high`. */
  low: number
  high: number
  /** Logarithms. */
  atoms: Float64Array
  /** P(ln need ≤ atom). */
  below: Float64Array
  count: number
}

const emptySlice = (): Slice => ({
  of: undefined,
  index: 0,
  low: 0,
  high: 0,
  atoms: new Float64Array(64),
  below: new Float64Array(64),
  count: 0,
})

/** An answer comes back to some of the slices. The one asked for last comes first. */
const kept = Array.from({ length: 8 }, emptySlice)

/** One slice in order: valid until as many others are asked for as are kept, of whatever distribution. */
export function slice(d: Distribution, index: number): Slice {
  const last = kept.length - 1
  let at = 0
  while (at < last && (kept[at]?.of !== d || kept[at]?.index !== index)) at++
  const one = kept[at] as Slice
  for (; at > 0; at--) kept[at] = kept[at - 1] as Slice
  kept[0] = one
  if (one.of !== d || one.index !== index) putInOrder(d, index, one)
  return one
}

function putInOrder(d: Distribution, index: number, into: Slice): void {
  const { parts, kernel, priors, shares, size, edges, below, total } = d
  const { atoms: kernelAtoms, weights: kernelWeights } = kernel
  const highest = kernelAtoms[kernelAtoms.length - 1] as number
  const last = size - 1
  const low = index > 0 ? (edges[index - 1] as number) : Number.NEGATIVE_INFINITY
  const high = index < last ? (edges[index] as number) : Number.POSITIVE_INFINITY
  makeRoom(into, kernelAtoms.length * shares.length + peakAtoms.length * priors.length)
  into.of = d
  into.index = index
  into.low = low
  into.high = high
  into.count = 0
  let from = 0
  for (const part of parts) {
    const start = firstReaching(part.residuals, part.shift, highest, low)
    for (let k = kernelAtoms.length - 1; k >= 0; k--)
      gather(into, part, kernelAtoms[k] as number, kernelWeights[k] as number, shares, from, start)
    from += part.residuals.count
  }
  for (const { shift, scale, share } of priors) {
    if (shift + scale * highestOfPeak <= low || shift + scale * lowestOfPeak > high) continue
    for (let j = 0; j < peakAtoms.length; j++) {
      const x = shift + scale * (peakAtoms[j] as number)
      if (x > low && x <= high) put(into, x, share * (peakWeights[j] as number))
    }
  }
  const { atoms, below: sums, count } = into
  const end = below[index] as number
  const top = edges[last] as number
  const whole = 1 / total
  let sum = index > 0 ? (below[index - 1] as number) : 0
  for (let i = 0; i < count; i++) {
    sum += (sums[i] as number) * whole
    sums[i] = i === count - 1 ? end : Math.min(sum, end)
    if ((atoms[i] as number) > top) atoms[i] = top
  }
}

function makeRoom(into: Slice, size: number): void {
  if (into.atoms.length >= size) return
  into.atoms = new Float64Array(2 * size)
  into.below = new Float64Array(2 * size)
}

/** One atom of each residual of a part from `start` on; `from` is where the shares of the part begin. */
function gather(
  into: Slice,
  { residuals: { values, widths, count }, shift }: Part,
  atom: number,
  weight: number,
  shares: Float64Array,
  from: number,
  start: number,
): void {
  const { low, high } = into
  for (let i = start; i < count; ) {
    const v = values[i] as number
    const x = shift + v + atom * (widths[i] as number)
    if (x > high) return
    const before = i > 0 ? (shares[from + i - 1] as number) : 0
    i++
    if (i < count && values[i] === v) i = firstAbove(values, count, v)
    if (x > low) put(into, x, weight * ((shares[from + i - 1] as number) - before))
  }
}

function put(into: Slice, x: number, weight: number): void {
  const { atoms, below, count } = into
  let at = count
  while (at > 0 && (atoms[at - 1] as number) > x) at--
  if (at > 0 && atoms[at - 1] === x) {
    below[at - 1] = (below[at - 1] as number) + weight
    return
  }
  for (let i = count; i > at; i--) {
    atoms[i] = atoms[i - 1] as number
    below[i] = below[i - 1] as number
  }
  atoms[at] = x
  below[at] = weight
  into.count = count + 1
}

/** How far the logarithm of a need may be from the atom that it is the exponential of. */
const rounding = 1e-11

/** P(need ≤ amount), linear between needs on a log scale. Law: monotone; 0 below the first need, 1 from the last on. */
export function probability(d: Distribution, amount: number): number {
  if (!(amount > 0)) return 0
  const { size, edges, below } = d
  const x = Math.log(amount) + rounding
  if (x >= (edges[size - 1] as number)) return 1
  const index = sliceOf(d, x)
  const { atoms, below: sums, count } = slice(d, index)
  let at = 0
  while (at < count && (atoms[at] as number) <= x) at++
  const first = at === 0 && index === 0
  const from = at > 0 ? (sums[at - 1] as number) : first ? 0 : (below[index - 1] as number)
  if (first || at === count) return from
  const left = at > 0 ? (atoms[at - 1] as number) : (edges[index - 1] as number)
  const share = Math.min(1, (x - left) / ((atoms[at] as number) - left))
  return from + ((sums[at] as number) - from) * share
}

const elsewhere = emptySlice()

/** P(need ≤ e^x), in steps. Leaves the slices that were asked for as they are. */
export function atMost(d: Distribution, x: number): number {
  const { size, edges, below } = d
  if (x >= (edges[size - 1] as number)) return 1
  const index = sliceOf(d, x)
  if (elsewhere.of !== d || elsewhere.index !== index) putInOrder(d, index, elsewhere)
  const { atoms, below: sums, count } = elsewhere
  let at = 0
  while (at < count && (atoms[at] as number) <= x) at++
  if (at > 0) return sums[at - 1] as number
  return index > 0 ? (below[index - 1] as number) : 0
}

/** The smallest need at or below which at least q of the weight lies. Law: monotone in q. */
export function quantile(d: Distribution, q: number): number {
  const { size, edges, below } = d
  const index = firstFrom(below, size - 1, q)
  const { atoms, below: sums, count } = slice(d, index)
  for (let i = 0; i < count; i++) if ((sums[i] as number) >= q) return Math.exp(atoms[i] as number)
  return Math.exp(edges[index] as number)
}

/** The smallest need that does, where all larger ones do; the largest where none does. */
export function leastNeed(d: Distribution, does: (need: number) => boolean): number {
  const { size, edges } = d
  let low = 0
  let high = size - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (does(Math.exp(edges[middle] as number))) high = middle
    else low = middle + 1
  }
  // What is asked of each may ask for slices.
  const { atoms, count } = slice(d, low)
  for (const atom of atoms.slice(0, count)) {
    const need = Math.exp(atom)
    if (does(need)) return need
  }
  return Math.exp(edges[low] as number)
}

/** E[need], to the second order in the widths. */
export function meanNeed({ parts, priors, shares, size, edges, total }: Distribution): number {
  const most = Math.exp(edges[size - 1] as number)
  let sum = 0
  let from = 0
  for (const { residuals, shift } of parts) {
    const { widths, growths, count } = residuals
    const prediction = Math.exp(shift)
    let before = 0
    for (let i = 0; i < count; i++) {
      const width = widths[i] as number
      const need = prediction * (growths[i] as number) * (1 + width * (0.151 * width - 0.035))
      const total = shares[from + i] as number
      sum += (total - before) * Math.min(need, most)
      before = total
    }
    from += count
  }
  for (const { shift, scale, share } of priors)
    sum += share * Math.min(most, Math.exp(shift) * (1 + scale * (0.0187 * scale + 0.028)))
  return sum / total
}
