import { clamp } from './strategy.ts'

/**
 * Prequential residuals of one strategy, r = ln(need) − ln(prediction made before the need was known), ascending.
 * Shape: the first `count` entries of each array. `origin` = number of the execution that it came from; `widths` = kernel
 * width: 0.3 × the distance to the √count-th nearest residual, within [0.0015, 0.3], as wide as the neighbourhood is sparse.
 * Law: only the set matters; bounded by the profile's buffer, which it is a replay of.
 */
export interface Residuals {
  values: Float64Array
  origin: Int32Array
  widths: Float64Array
  count: number
  /** √count, rounded: which neighbour sets a width. */
  rank: number
  /** Of these residuals; unset once they have changed. */
  ordered: OrderedAtoms | undefined
}

/** Three atoms around each residual, as wide as its kernel and leaning upwards, in order. */
export interface OrderedAtoms {
  readonly atoms: Float64Array
  /** e to the atom. */
  readonly needs: Float64Array
  /** Of the execution's share. */
  readonly weights: Float64Array
  readonly origin: Int32Array
}

/** Of ln(need). */
const narrowestKernel = 0.0015
export const widestKernel = 0.3

const kernelAtoms = [-0.6, 0.3, 1]
const kernelWeights = [0.45, 0.45, 0.1]

const firstCapacity = 32

export const residuals = (): Residuals => ({
  values: new Float64Array(firstCapacity),
  origin: new Int32Array(firstCapacity),
  widths: new Float64Array(firstCapacity),
  count: 0,
  rank: 1,
  ordered: undefined,
})

export function note(r: Residuals, residual: number, origin: number): void {
  r.ordered = undefined
  if (r.count === r.values.length) grow(r)
  let at = r.count++
  for (; at > 0 && (r.values[at - 1] as number) > residual; at--) {
    r.values[at] = r.values[at - 1] as number
    r.origin[at] = r.origin[at - 1] as number
    r.widths[at] = r.widths[at - 1] as number
  }
  r.values[at] = residual
  r.origin[at] = origin
  const rank = Math.max(1, Math.round(Math.sqrt(r.count)))
  // Only those that count the newcomer among their nearest can have become narrower.
  const reach = rank === r.rank && r.count > rank + 1 ? rank + 1 : r.count
  r.rank = rank
  const end = Math.min(r.count - 1, at + reach)
  for (let i = Math.max(0, at - reach); i <= end; i++)
    r.widths[i] = clamp(0.3 * distanceToNearest(r, i, rank), narrowestKernel, widestKernel)
}

function grow(r: Residuals): void {
  const capacity = 2 * r.values.length
  const values = new Float64Array(capacity)
  const origin = new Int32Array(capacity)
  const widths = new Float64Array(capacity)
  values.set(r.values)
  origin.set(r.origin)
  widths.set(r.widths)
  r.values = values
  r.origin = origin
  r.widths = widths
}

/** Distance from the i-th to the k-th nearest of the others, or to the farthest where there are fewer. */
function distanceToNearest({ values, count }: Residuals, i: number, k: number): number {
  const v = values[i] as number
  let low = i
  let high = i
  for (let taken = 0; taken < k; taken++) {
    if (low === 0 && high === count - 1) break
    const down = low > 0 ? v - (values[low - 1] as number) : Number.POSITIVE_INFINITY
    const up = high < count - 1 ? (values[high + 1] as number) - v : Number.POSITIVE_INFINITY
    if (down <= up) low--
    else high++
  }
  return Math.max(v - (values[low] as number), (values[high] as number) - v)
}

export function orderedAtoms(r: Residuals): OrderedAtoms {
  r.ordered ??= order(r)
  return r.ordered
}

/** Nearly in order already: each is moved by a few places. */
function order({ values, widths, origin, count }: Residuals): OrderedAtoms {
  const size = kernelAtoms.length * count
  const atoms = new Float64Array(size)
  const weights = new Float64Array(size)
  const origins = new Int32Array(size)
  let used = 0
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < kernelAtoms.length; j++) {
      const atom = (values[i] as number) + (widths[i] as number) * (kernelAtoms[j] as number)
      let at = used++
      for (; at > 0 && (atoms[at - 1] as number) > atom; at--) {
        atoms[at] = atoms[at - 1] as number
        weights[at] = weights[at - 1] as number
        origins[at] = origins[at - 1] as number
      }
      atoms[at] = atom
      weights[at] = kernelWeights[j] as number
      origins[at] = origin[i] as number
    }
  }
  return { atoms, needs: atoms.map(Math.exp), weights, origin: origins }
}
