import { note, type OrderedAtoms, orderedAtoms, type Residuals, residuals } from './residuals.ts'

/**
 * A need as weighted atoms.
 * Shape: `needs` ascending; `below[i]` = P(need ≤ needs[i]), the last is 1.
 * Law: never empty.
 */
export interface Distribution {
  readonly needs: Float64Array
  readonly below: Float64Array
}

/** Residuals around one prediction: one part of a mixture. */
export interface Part {
  readonly residuals: Residuals
  /** ln(prediction). */
  readonly shift: number
  /** Share of the whole, by number of execution. */
  readonly shares: Float64Array
}

/** What is believed beside the residuals: a peak of this scale at ln(prediction). */
export interface Prior {
  readonly shift: number
  readonly scale: number
  readonly share: number
}

const priorAtoms = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7]
const priorWeights = [0.08, 0.16, 0.24, 0.24, 0.16, 0.08, 0.04]

/** Atoms in order, to be merged: times `factor`, each of the weight of its origin's share. */
interface Stream extends OrderedAtoms {
  readonly factor: number
  readonly shares: Float64Array
}

/** The atoms of some parts and priors, merged in order. None is above `limit`, a logarithm. */
export function mixture(
  parts: readonly Part[],
  priors: readonly Prior[],
  limit = Number.POSITIVE_INFINITY,
): Distribution {
  const streams: Stream[] = parts.map(({ residuals, shift, shares }) => ({
    ...orderedAtoms(residuals),
    factor: Math.exp(shift),
    shares,
  }))
  if (priors.length > 0) streams.push(priorStream(priors))
  const size = streams.reduce((total, { atoms }) => total + atoms.length, 0)
  const merged = { needs: new Float64Array(size), below: new Float64Array(size) }
  const total = merge(streams, limit, merged)
  for (let i = 0; i < size; i++) merged.below[i] = (merged.below[i] as number) / total
  merged.below[size - 1] = 1
  return merged
}

/** Returns the sum of all weights. */
function merge(streams: readonly Stream[], limit: number, { needs, below }: Distribution): number {
  const heads = new Int32Array(streams.length)
  const next = new Float64Array(streams.length)
  for (let k = 0; k < streams.length; k++) next[k] = needAt(streams[k] as Stream, 0)
  const highest = Math.exp(limit)
  let sum = 0
  for (let used = 0; used < needs.length; used++) {
    let from = 0
    let least = next[0] as number
    for (let k = 1; k < next.length; k++) {
      const candidate = next[k] as number
      if (candidate < least) {
        least = candidate
        from = k
      }
    }
    const stream = streams[from] as Stream
    const head = heads[from] as number
    sum += (stream.shares[stream.origin[head] as number] as number) * (stream.weights[head] as number)
    needs[used] = Math.min(least, highest)
    below[used] = sum
    heads[from] = head + 1
    next[from] = needAt(stream, head + 1)
  }
  return sum
}

/** Merged by need, not by its logarithm: two that are one rounding apart would come out in the wrong order. */
function needAt({ needs, factor }: Stream, at: number): number {
  return at < needs.length ? (needs[at] as number) * factor : Number.POSITIVE_INFINITY
}

/** All priors as one stream, each an origin of its own. */
function priorStream(priors: readonly Prior[]): Stream {
  const size = priorAtoms.length * priors.length
  const atoms = new Float64Array(size)
  const weights = new Float64Array(size)
  const origins = new Int32Array(size)
  let used = 0
  for (let origin = 0; origin < priors.length; origin++) {
    const { shift, scale } = priors[origin] as Prior
    for (let j = 0; j < priorAtoms.length; j++) {
      const atom = shift + scale * (priorAtoms[j] as number)
      let at = used++
      for (; at > 0 && (atoms[at - 1] as number) > atom; at--) {
        atoms[at] = atoms[at - 1] as number
        weights[at] = weights[at - 1] as number
        origins[at] = origins[at - 1] as number
      }
      atoms[at] = atom
      weights[at] = priorWeights[j] as number
      origins[at] = origin
    }
  }
  const shares = Float64Array.from(priors, ({ share }) => share)
  return { atoms, needs: atoms.map(Math.exp), weights, origin: origins, factor: 1, shares }
}

/** P(need ≤ amount), linear between needs on a log scale. Law: monotone; 0 below the first need, 1 from the last on. */
export function probability({ needs, below }: Distribution, amount: number): number {
  const last = needs.length - 1
  if (!(amount >= (needs[0] as number))) return 0
  if (amount >= (needs[last] as number)) return 1
  let low = 0
  let high = last
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((needs[middle] as number) <= amount) low = middle
    else high = middle
  }
  const left = needs[low] as number
  const gap = Math.log((needs[high] as number) / left)
  const from = below[low] as number
  // From a need that is zero no share of the way can be told.
  return gap > 0 && gap < Number.POSITIVE_INFINITY
    ? from + ((below[high] as number) - from) * Math.min(1, Math.log(amount / left) / gap)
    : from
}

/** The smallest need at or below which at least q of the weight lies. Law: monotone in q. */
export function quantile({ needs, below }: Distribution, q: number): number {
  let low = 0
  let high = below.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((below[middle] as number) >= q) high = middle
    else low = middle + 1
  }
  return needs[low] as number
}

/** Some weighted points, widened like residuals, around ln(prediction). */
export function around(
  points: readonly (readonly [at: number, weight: number])[],
  shift: number,
): Distribution {
  const spread = residuals()
  for (const [origin, [at]] of points.entries()) note(spread, at, origin)
  const shares = Float64Array.from(points, ([, weight]) => weight)
  const total = shares.reduce((sum, weight) => sum + weight, 0)
  const share = points.length > 0 ? (0.5 * total) / points.length : 1
  const prior = { shift, scale: 0.6 / (1 + 0.1 * points.length), share }
  return mixture([{ residuals: spread, shift, shares }], [prior])
}
