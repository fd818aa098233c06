/**
 * How far the predictive distributions of the past told the truth: the probability that each gave to "at most what then
 * happened". Were they perfect, these ranks would be uniform; where they are not, their distribution function is the
 * correction. Law: `calibrated` is monotone in the probability, maps into [0, 1], and is the identity while nothing is known.
 * Source: Kuleshov, Fenner & Ermon, "Accurate Uncertainties for Deep Learning Using Calibrated Regression", ICML 2018.
 */
export interface Calibration {
  readonly ranks: number[]
  readonly weights: number[]
  scale: number
  total: number
}

const decay = 0.97
/** Executions' worth of trust in the raw probability. */
const trust = 10

export const calibration = (): Calibration => ({ ranks: [], weights: [], scale: 1, total: 0 })

export function observeRank(c: Calibration, rank: number): void {
  c.scale /= decay
  let i = c.ranks.length
  c.ranks.push(rank)
  c.weights.push(c.scale)
  for (; i > 0 && (c.ranks[i - 1] ?? 0) > rank; i--) {
    c.ranks[i] = c.ranks[i - 1] ?? 0
    c.weights[i] = c.weights[i - 1] ?? 0
  }
  c.ranks[i] = rank
  c.weights[i] = c.scale
  c.total += c.scale
}

/** The least probability that is corrected to `wanted` or more; 1 where none is. */
export function rawFor({ ranks, weights, scale, total }: Calibration, wanted: number): number {
  const needed = wanted * (total / scale + trust)
  let below = total
  let i = ranks.length
  let raw = (needed - below / scale) / trust
  for (; i > 0 && raw <= (ranks[i - 1] ?? 0); i--) {
    below -= weights[i - 1] ?? 0
    raw = (needed - below / scale) / trust
  }
  return Math.max(0, Math.min(raw, ranks[i] ?? 1))
}

export function calibrated(c: Calibration, probability: number): number {
  let below = 0
  for (let i = 0; i < c.ranks.length && (c.ranks[i] ?? 1) <= probability; i++) below += c.weights[i] ?? 0
  const weight = c.total / c.scale
  return Math.min(1, (below / c.scale + trust * probability) / (weight + trust))
}
