/** A probability given and whether it came true. */
export interface Forecast {
  readonly probability: number
  readonly happened: boolean
}

export interface ConfidenceScore {
  /** Mean of (probability − happened)². */
  readonly brier: number
  /** What always giving the share that happened would score. */
  readonly brier_base_rate: number
  /** Expected calibration error over ten bins of equal width. */
  readonly ece: number
  /** Mean of −ln(probability of what happened), each held within [0.001, 0.999]. */
  readonly log_score: number
}

export function scoreForecasts(forecasts: readonly Forecast[]): ConfidenceScore | null {
  const count = forecasts.length
  if (count === 0) return null
  let brier = 0
  let log = 0
  let happened = 0
  for (const forecast of forecasts) {
    const outcome = forecast.happened ? 1 : 0
    const held = Math.min(0.999, Math.max(0.001, forecast.probability))
    brier += (forecast.probability - outcome) ** 2
    log -= Math.log(forecast.happened ? held : 1 - held)
    happened += outcome
  }
  const share = happened / count
  const ece = calibration(forecasts, 10).reduce(
    (total, { count: n, given, found }) => total + (n / count) * Math.abs(given - found),
    0,
  )
  return { brier: brier / count, brier_base_rate: share * (1 - share), ece, log_score: log / count }
}

export interface CalibrationBin {
  readonly count: number
  /** Mean probability given. */
  readonly given: number
  /** Share that happened. */
  readonly found: number
}

/** Bins of equal width that hold anything, in order. */
export function calibration(forecasts: readonly Forecast[], bins: number): readonly CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ count: 0, given: 0, found: 0 }))
  for (const { probability, happened } of forecasts) {
    const bin = sums[Math.min(bins - 1, Math.floor(probability * bins))]
    if (bin === undefined) continue
    bin.count++
    bin.given += probability
    bin.found += happened ? 1 : 0
  }
  return sums.flatMap(({ count, given, found }) =>
    count === 0 ? [] : { count, given: given / count, found: found / count },
  )
}

/** A prediction and what came. Both positive. */
export interface PredictionPair {
  readonly predicted: number
  readonly actual: number
}

export interface PredictionScore {
  /** Median of |predicted − actual| / actual. */
  readonly mdape: number
  /** Sum of |predicted − actual| over sum of actual. */
  readonly nmae: number
  /** Share of predictions off by more than a factor of two either way. */
  readonly off_by_2x: number
}

export function scorePredictions(pairs: readonly PredictionPair[]): PredictionScore | null {
  if (pairs.length === 0) return null
  const relative = pairs.map(({ predicted, actual }) => Math.abs(predicted - actual) / actual)
  let error = 0
  let total = 0
  let off = 0
  for (const { predicted, actual } of pairs) {
    error += Math.abs(predicted - actual)
    total += actual
    if (predicted > 2 * actual || predicted < actual / 2) off++
  }
  return { mdape: quantileOf(relative, 0.5), nmae: error / total, off_by_2x: off / pairs.length }
}

/** The smallest value with at least a share `q` at or below it; NaN of nothing. */
export function quantileOf(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

export function percentiles(
  values: readonly number[],
): { readonly p50: number; readonly p99: number } | null {
  return values.length === 0 ? null : { p50: quantileOf(values, 0.5), p99: quantileOf(values, 0.99) }
}
