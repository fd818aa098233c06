import type { Residuals } from './residuals.ts'
import { clamp } from './strategy.ts'

/**
 * The need relative to a prediction, as weighted atoms on a log scale.
 * Shape: `atoms` ascending; `below[i]` = P(ln(need/prediction) ≤ atoms[i]); the last is 1.
 * Law: never empty: without residuals it is the prior, which widens as little is known and vanishes as n grows.
 */
export interface Distribution {
  readonly atoms: Float64Array
  readonly weights: Float64Array
  readonly below: Float64Array
  /** e^atom; and the weight and the weighted need of all atoms from i on (one longer). */
  readonly needs: Float64Array
  readonly massFrom: Float64Array
  readonly needFrom: Float64Array
}

const priorAtoms = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7]
const priorWeights = [1, 2, 3, 3, 2, 1, 0.5]
const priorTotal = 12.5
const kernelAtoms = [-0.6, 0.3, 1.5]
const kernelWeights = [0.4, 0.4, 0.2]

/**
 * Spreads three atoms around each residual, as wide as its neighbourhood is sparse: h = 0.3 × the distance to the
 * √n-th nearest residual, within [0.0015, 0.3]. The prior weighs half an average execution.
 */
export function distribution(r: Residuals): Distribution {
  const n = r.values.length
  const k = Math.max(1, Math.round(Math.sqrt(n)))
  const size = 3 * n + priorAtoms.length
  const atoms = new Float64Array(size)
  const weights = new Float64Array(size)
  let used = 0
  const add = (atom: number, weight: number): void => {
    let i = used++
    for (; i > 0 && (atoms[i - 1] ?? 0) > atom; i--) {
      atoms[i] = atoms[i - 1] ?? 0
      weights[i] = weights[i - 1] ?? 0
    }
    atoms[i] = atom
    weights[i] = weight
  }
  let total = 0
  for (let i = 0; i < n; i++) {
    const v = r.values[i] ?? 0
    const w = r.weights[i] ?? 0
    const h = clamp(0.3 * kthDistance(r.values, i, k), 0.0015, 0.3)
    for (let j = 0; j < 3; j++) add(v + h * (kernelAtoms[j] ?? 0), w * (kernelWeights[j] ?? 0))
    total += w
  }
  const scale = 0.6 / (1 + 0.1 * n)
  const prior = n > 0 ? (0.5 * total) / n : 1
  for (let j = 0; j < priorAtoms.length; j++)
    add((priorAtoms[j] ?? 0) * scale, (prior * (priorWeights[j] ?? 0)) / priorTotal)
  total += prior
  const below = new Float64Array(size)
  let sum = 0
  for (let i = 0; i < size; i++) {
    const w = (weights[i] ?? 0) / total
    weights[i] = w
    sum += w
    below[i] = sum
  }
  below[size - 1] = 1
  const needs = new Float64Array(size)
  const massFrom = new Float64Array(size + 1)
  const needFrom = new Float64Array(size + 1)
  for (let i = size - 1; i >= 0; i--) {
    const need = Math.exp(atoms[i] ?? 0)
    needs[i] = need
    massFrom[i] = (massFrom[i + 1] ?? 0) + (weights[i] ?? 0)
    needFrom[i] = (needFrom[i + 1] ?? 0) + (weights[i] ?? 0) * need
  }
  return { atoms, weights, below, needs, massFrom, needFrom }
}

/** Distance from the i-th of ascending values to the k-th nearest of the others. */
function kthDistance(values: readonly number[], i: number, k: number): number {
  const v = values[i] ?? 0
  let low = i
  let high = i
  for (let taken = 0; taken < k; taken++) {
    const down = low > 0 ? v - (values[low - 1] ?? 0) : Number.POSITIVE_INFINITY
    const up = high < values.length - 1 ? (values[high + 1] ?? 0) - v : Number.POSITIVE_INFINITY
    if (down === Number.POSITIVE_INFINITY && up === Number.POSITIVE_INFINITY) break
    if (down <= up) low--
    else high++
  }
  return Math.max(v - (values[low] ?? 0), (values[high] ?? 0) - v)
}

/** P(ln(need/prediction) ≤ x), linear between atoms. Law: monotone in x; 0 below the first atom, 1 from the last on. */
export function probability(d: Distribution, x: number): number {
  const n = d.atoms.length
  if (!(x >= (d.atoms[0] ?? 0))) return 0
  if (x >= (d.atoms[n - 1] ?? 0)) return 1
  let low = 0
  let high = n - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((d.atoms[middle] ?? 0) <= x) low = middle
    else high = middle
  }
  const left = d.atoms[low] ?? 0
  const gap = (d.atoms[high] ?? 0) - left
  const from = d.below[low] ?? 0
  return gap > 0 ? from + ((d.below[high] ?? 1) - from) * ((x - left) / gap) : from
}

/** The smallest atom at or below which at least q of the weight lies. Law: monotone in q. */
export function quantile(d: Distribution, q: number): number {
  let low = 0
  let high = d.below.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((d.below[middle] ?? 1) >= q) high = middle
    else low = middle + 1
  }
  return d.atoms[low] ?? 0
}
