import { priorMass, priorScale, type Residuals, widths } from './residuals.ts'

/**
 * A need as weighted atoms on a log scale.
 * Shape: `atoms` ascending; `below[i]` = P(ln(need) ≤ atoms[i]), the last is 1; `needs[i]` = e^atoms[i]; `massFrom[i]` and
 * `needFrom[i]` = weight and weighted need of the atoms from i on (one longer).
 * Law: never empty.
 */
export interface Distribution {
  readonly atoms: Float64Array
  readonly below: Float64Array
  readonly needs: Float64Array
  readonly massFrom: Float64Array
  readonly needFrom: Float64Array
}

/** Atoms and weights, ascending, weights adding up to 1: one part of a mixture, relative to its own prediction. */
export interface Atoms {
  readonly atoms: Float64Array
  readonly weights: Float64Array
}

const priorAtoms = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7]
const priorWeights = [1, 2, 3, 3, 2, 1, 0.5]
const priorTotal = 12.5
const kernelAtoms = [-0.6, 0.3, 1.5]
const kernelWeights = [0.4, 0.4, 0.2]

/** Three atoms around each residual, as wide as its kernel and leaning upwards, and the prior's. */
export function atomsOf(r: Residuals): Atoms {
  const n = r.values.length
  const size = 3 * n + priorAtoms.length
  const atoms = new Float64Array(size)
  const weights = new Float64Array(size)
  const h = widths(r)
  const prior = priorMass(r)
  const total = r.total + prior
  let used = 0
  const add = (atom: number, weight: number): void => {
    let i = used++
    for (; i > 0 && (atoms[i - 1] ?? 0) > atom; i--) {
      atoms[i] = atoms[i - 1] ?? 0
      weights[i] = weights[i - 1] ?? 0
    }
    atoms[i] = atom
    weights[i] = weight / total
  }
  for (let i = 0; i < n; i++)
    for (let j = 0; j < 3; j++)
      add(
        (r.values[i] ?? 0) + (h[i] ?? 0) * (kernelAtoms[j] ?? 0),
        (r.weights[i] ?? 0) * (kernelWeights[j] ?? 0),
      )
  const scale = priorScale(n)
  for (let j = 0; j < priorAtoms.length; j++)
    add((priorAtoms[j] ?? 0) * scale, (prior * (priorWeights[j] ?? 0)) / priorTotal)
  return { atoms, weights }
}

export interface Part {
  readonly atoms: Atoms
  /** ln(prediction) that the atoms are relative to. */
  readonly shift: number
  readonly weight: number
}

/** The mixture of some parts, whose weights add up to 1, by merging. */
export function mixture(parts: readonly Part[]): Distribution {
  let size = 0
  for (const p of parts) size += p.atoms.atoms.length
  const atoms = new Float64Array(size)
  const weights = new Float64Array(size)
  const at = parts.map(() => 0)
  for (let i = 0; i < size; i++) {
    let from = -1
    let least = Number.POSITIVE_INFINITY
    for (let k = 0; k < parts.length; k++) {
      const p = parts[k] as Part
      const j = at[k] ?? 0
      if (j >= p.atoms.atoms.length) continue
      const v = (p.atoms.atoms[j] ?? 0) + p.shift
      if (from < 0 || v < least) {
        least = v
        from = k
      }
    }
    const p = parts[from] as Part
    const j = at[from] ?? 0
    at[from] = j + 1
    atoms[i] = least
    weights[i] = (p.atoms.weights[j] ?? 0) * p.weight
  }
  const below = new Float64Array(size)
  let sum = 0
  for (let i = 0; i < size; i++) {
    sum += weights[i] ?? 0
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
  return { atoms, below, needs, massFrom, needFrom }
}

export const only = (atoms: Atoms, shift: number): Distribution => mixture([{ atoms, shift, weight: 1 }])

/** P(ln(need) ≤ x), linear between atoms. Law: monotone in x; 0 below the first atom, 1 from the last on. */
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

/** The smallest need at or below which at least q of the weight lies. Law: monotone in q. */
export function quantile(d: Distribution, q: number): number {
  let low = 0
  let high = d.below.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((d.below[middle] ?? 1) >= q) high = middle
    else low = middle + 1
  }
  return d.needs[low] ?? 1
}
