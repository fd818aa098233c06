/**
 * The probability integral transforms of the past: the probability that each predictive distribution gave to "at most
 * what then happened". Were the distributions perfect, these values would be uniform; where they are not, their
 * distribution function is the correction.
 * Law: `calibrated` is monotone in the probability, maps into [0, 1], and is the identity while nothing is known.
 * Source: Kuleshov, Fenner & Ermon, "Accurate Uncertainties for Deep Learning Using Calibrated Regression", ICML 2018.
 */
export interface Calibration {
  /** Ascending, with the weight of each. */
  readonly values: number[]
  readonly weights: number[]
  /** Weight of the latest; what came before is forgotten by growing it. */
  scale: number
  total: number
}

const forgetting = 0.97
/** Executions' worth of trust in the raw probability. */
const trust = 10

export const calibration = (): Calibration => ({ values: [], weights: [], scale: 1, total: 0 })

export function addTransform(c: Calibration, value: number): void {
  c.scale /= forgetting
  let i = c.values.length
  c.values.push(value)
  c.weights.push(c.scale)
  for (; i > 0 && (c.values[i - 1] as number) > value; i--) {
    c.values[i] = c.values[i - 1] as number
    c.weights[i] = c.weights[i - 1] as number
  }
  c.values[i] = value
  c.weights[i] = c.scale
  c.total += c.scale
}

/** The corrected probability. */
export function calibrated(c: Calibration, probability: number): number {
  let below = 0
  for (let i = 0; i < c.values.length && (c.values[i] as number) <= probability; i++)
    below += c.weights[i] as number
  const weight = c.total / c.scale
  return Math.min(1, (below / c.scale + trust * probability) / (weight + trust))
}

/** The least raw probability that is corrected to `wanted` or more; 1 where none is. */
export function rawFor({ values, weights, scale, total }: Calibration, wanted: number): number {
  const needed = wanted * (total / scale + trust)
  let below = total
  let i = values.length
  let raw = (needed - below / scale) / trust
  for (; i > 0 && raw <= (values[i - 1] as number); i--) {
    below -= weights[i - 1] as number
    raw = (needed - below / scale) / trust
  }
  return Math.max(0, Math.min(raw, values[i] ?? 1))
}
