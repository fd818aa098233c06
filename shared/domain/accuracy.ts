import { meanWith, varianceWith } from './moments.ts'
import type { AccuracyFigures, CalibrationBin } from './profile.ts'

/** One prediction held against what then happened. */
export interface ScoredPrediction {
  readonly sufficed: boolean
  readonly relativeError: number
  readonly wastage: number
  readonly cost: number
  /** Probability given that it suffices; unset where none was. */
  readonly confidence?: number | undefined
}

/** Bins of confidence, of equal width. */
export const calibrationBins = 10

/**
 * The figures with one prediction more; what was there before counts `decay` of what it did.
 * Law: with decay 1 they are the weighted means and population variances of all that was observed, in any order.
 */
export function observeFigures(
  before: AccuracyFigures | undefined,
  seen: ScoredPrediction,
  weight: number,
  decay: number,
): AccuracyFigures {
  const total = (before?.weight ?? 0) * decay + weight
  const share = weight / total
  const mean = (old: number | undefined, value: number) => meanWith(old ?? 0, value, share)
  const variance = (old: number | undefined, oldMean: number | undefined, value: number) =>
    varianceWith(old ?? 0, oldMean ?? 0, value, share)
  const sufficed = seen.sufficed ? 1 : 0
  const { confidence } = seen
  return {
    weight: total,
    weightSquares: (before?.weightSquares ?? 0) * decay * decay + weight * weight,
    coverage: mean(before?.coverage, sufficed),
    relativeError: mean(before?.relativeError, seen.relativeError),
    relativeErrorVariance: variance(before?.relativeErrorVariance, before?.relativeError, seen.relativeError),
    wastage: mean(before?.wastage, seen.wastage),
    cost: mean(before?.cost, seen.cost),
    costVariance: variance(before?.costVariance, before?.cost, seen.cost),
    brier: confidence === undefined ? 0 : mean(before?.brier, (confidence - sufficed) ** 2),
    meanConfidence: confidence === undefined ? 0 : mean(before?.meanConfidence, confidence),
    calibration:
      confidence === undefined
        ? []
        : observeBin(before?.calibration ?? [], confidence, sufficed, weight, decay),
  }
}

function observeBin(
  bins: readonly CalibrationBin[],
  confidence: number,
  sufficed: number,
  weight: number,
  decay: number,
): readonly CalibrationBin[] {
  const bin = Math.min(calibrationBins - 1, Math.floor(confidence * calibrationBins))
  const faded = decay === 1 ? bins : bins.map((each) => ({ ...each, weight: each.weight * decay }))
  const before = faded.find((each) => each.bin === bin)
  const total = (before?.weight ?? 0) + weight
  const share = weight / total
  const after = {
    bin,
    weight: total,
    confidence: meanWith(before?.confidence ?? 0, confidence, share),
    coverage: meanWith(before?.coverage ?? 0, sufficed, share),
  }
  return [...faded.filter((each) => each.bin !== bin), after].sort((a, b) => a.bin - b.bin)
}

/**
 * Expected calibration error: how far, on average, the confidence given was from the share that then sufficed, 0 to 1.
 * Undefined where no confidence was given.
 * Source: Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
 */
export function calibrationError(bins: readonly CalibrationBin[]): number | undefined {
  const total = bins.reduce((sum, { weight }) => sum + weight, 0)
  if (total === 0) return undefined
  return bins.reduce((sum, b) => sum + (b.weight / total) * Math.abs(b.confidence - b.coverage), 0)
}

/** How many executions of equal weight the figures amount to. Source: Kish, "Survey Sampling", 1965, § 11.7. */
export function effectiveExecutions({
  weight,
  weightSquares,
}: Pick<AccuracyFigures, 'weight' | 'weightSquares'>): number {
  return weightSquares > 0 ? (weight * weight) / weightSquares : weight
}
