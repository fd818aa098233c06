import { firstAbove, firstFrom } from '../history/sorted-search.ts'

/**
 * A need as weighted atoms in order.
 * Shape: the first `size` entries of each array; `atoms` strictly ascending, logarithms; `cumulative[i]` =
 * P(ln need ≤ atoms[i]), the last is 1 but for what no amount helps against; `runtimeShare[i]` = share of the expected
 * run time that goes with these needs, `cumulative` itself where run times are not known.
 * Law: never empty. Valid until the workspace that it was made in is used again.
 */
export interface Distribution {
  readonly size: number
  readonly atoms: Float64Array
  readonly cumulative: Float64Array
  readonly runtimeShare: Float64Array
}

/** How far the logarithm of a need may be from the atom that it is the exponential of. */
export const rounding = 1e-11

/** P(need ≤ amount), linear between needs on a log scale. Law: monotone; 0 below the first need, 1 from the last on. */
export function probability({ size, atoms, cumulative }: Distribution, amount: number): number {
  if (!(amount > 0)) return 0
  const x = Math.log(amount) + rounding
  const at = firstAbove(atoms, size, x)
  if (at === 0) return 0
  const from = cumulative[at - 1] as number
  if (at === size) return from
  const left = atoms[at - 1] as number
  const share = Math.min(1, (x - left) / ((atoms[at] as number) - left))
  return from + ((cumulative[at] as number) - from) * share
}

/** The smallest need at or below which at least q of the weight lies. Law: monotone in q. */
export function quantile({ size, atoms, cumulative }: Distribution, q: number): number {
  return Math.exp(atoms[firstFrom(cumulative, size - 1, q)] as number)
}

/** The distribution with all that lies above an amount at that amount. Changes the workspace that it was made in. */
export function cappedAt(d: Distribution, amount: number): Distribution {
  const limit = Math.log(amount)
  const above = firstAbove(d.atoms, d.size, limit)
  if (above === d.size) return d
  const last = above > 0 && d.atoms[above - 1] === limit ? above - 1 : above
  d.atoms[last] = limit
  d.cumulative[last] = 1
  d.runtimeShare[last] = 1
  return { ...d, size: last + 1 }
}

/** The smallest need that passes, where all larger ones do; the largest where none does. */
export function leastNeed({ size, atoms }: Distribution, passes: (need: number) => boolean): number {
  let low = 0
  let high = size - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (passes(Math.exp(atoms[middle] as number))) high = middle
    else low = middle + 1
  }
  return Math.exp(atoms[low] as number)
}

/** One or the other, with probabilities of 1 − share and share. In arrays of its own. */
export const blend = (one: Distribution, other: Distribution, share: number): Distribution =>
  merged(one, other, (p, q) => (1 - share) * p + share * q)

/** At each need as much lies above it as by the one of both of which more does. In arrays of its own. */
export const largerOf = (one: Distribution, other: Distribution): Distribution => merged(one, other, Math.min)

/** `both`: of what lies at or below each need by either. */
function merged(
  one: Distribution,
  other: Distribution,
  both: (one: number, other: number) => number,
): Distribution {
  const size = one.size + other.size
  const [atoms, cumulative, runtimeShare] = [
    new Float64Array(size),
    new Float64Array(size),
    new Float64Array(size),
  ]
  let [i, j, last] = [0, 0, -1]
  while (i < one.size || j < other.size) {
    const x = Math.min(
      i < one.size ? (one.atoms[i] as number) : Number.POSITIVE_INFINITY,
      j < other.size ? (other.atoms[j] as number) : Number.POSITIVE_INFINITY,
    )
    while (i < one.size && (one.atoms[i] as number) <= x) i++
    while (j < other.size && (other.atoms[j] as number) <= x) j++
    last++
    atoms[last] = x
    cumulative[last] = both(one.cumulative[i - 1] ?? 0, other.cumulative[j - 1] ?? 0)
    runtimeShare[last] = both(one.runtimeShare[i - 1] ?? 0, other.runtimeShare[j - 1] ?? 0)
  }
  return { size: last + 1, atoms, cumulative, runtimeShare }
}
