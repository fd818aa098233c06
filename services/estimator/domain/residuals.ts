import { clamp } from './strategy.ts'

/**
 * Prequential residuals of one strategy, r = ln(need) − ln(prediction made before the need was known), ascending.
 * Weight: √runtime where a shortfall kills, else 1; growing by 1/0.99 per execution, which is ageing by 0.99 up to a
 * common factor. Law: only the set matters; bounded by the profile's buffer, which it is a replay of.
 */
export interface Residuals {
  readonly values: number[]
  readonly weights: number[]
  total: number
  widths: Float64Array | undefined
}

const ageing = 0.99

export const residuals = (): Residuals => ({ values: [], weights: [], total: 0, widths: undefined })

export function note(r: Residuals, residual: number, weight: number, sequence: number): void {
  const w = weight * ageing ** -sequence
  let i = r.values.length
  r.values.push(residual)
  r.weights.push(w)
  for (; i > 0 && (r.values[i - 1] ?? 0) > residual; i--) {
    r.values[i] = r.values[i - 1] ?? 0
    r.weights[i] = r.weights[i - 1] ?? 0
  }
  r.values[i] = residual
  r.weights[i] = w
  r.total += w
  r.widths = undefined
}

/** What is believed before there are residuals: Laplace of this scale, in mass worth half an average execution. */
export const priorScale = (n: number): number => 0.6 / (1 + 0.1 * n)
export const priorMass = (r: Residuals): number =>
  r.values.length > 0 ? (0.5 * r.total) / r.values.length : 1

/**
 * Kernel width at each residual: 0.3 × the distance to the √n-th nearest residual, within [0.0015, 0.3]: as wide as the
 * neighbourhood is sparse.
 */
export function widths(r: Residuals): Float64Array {
  if (r.widths) return r.widths
  const n = r.values.length
  const k = Math.max(1, Math.round(Math.sqrt(n)))
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) out[i] = clamp(0.3 * kthDistance(r.values, i, k), 0.0015, 0.3)
  r.widths = out
  return out
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

/** Weight of a broad component that keeps a surprise from being infinitely surprising. */
const broad = 0.02

/** Density of a residual under what was known before it: triangular kernels, the prior, and a broad tail. */
export function density(r: Residuals, x: number): number {
  const h = widths(r)
  const n = r.values.length
  let sum = 0
  for (let i = 0; i < n; i++) {
    const b = 1.5 * (h[i] ?? 1)
    const u = Math.abs(x - (r.values[i] ?? 0)) / b
    if (u < 1) sum += ((r.weights[i] ?? 0) * (1 - u)) / b
  }
  const scale = 0.5 * priorScale(n)
  const mass = priorMass(r)
  sum = (sum + ((0.5 * mass) / scale) * Math.exp(-Math.abs(x) / scale)) / (r.total + mass)
  return (1 - broad) * sum + broad * 0.5 * Math.exp(-Math.abs(x))
}
