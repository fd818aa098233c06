import type { AmountConfidence } from '../../../../shared/domain/estimate.ts'
import { amountCovering, coverage, needQuantile, type PredictedNeed } from './coverage.ts'

/** Points of a curve, at most. */
export const mostCurvePoints = 64

/** From where next to nothing suffices to where nearly everything does. */
const [least, most] = [0.002, 0.995]

/**
 * P(need ≤ amount) along the amount: at equal steps of its logarithm, and at `allocation` where it lies between.
 * Law: ascending in both; at `allocation` it is `coverage` itself.
 */
export function coverageCurve(
  need: PredictedNeed,
  allocation: number,
  largestAmount: number,
): readonly AmountConfidence[] {
  const from = needQuantile(need, least) * 0.9
  const to = Math.min(largestAmount, Math.max(from * 1.2, amountCovering(need, most) * 1.05))
  if (!(from > 0 && to > from)) return []
  const steps = mostCurvePoints - 2
  const amounts = Array.from({ length: steps + 1 }, (_, i) => from * (to / from) ** (i / steps))
  if (allocation > from && allocation < to && !amounts.includes(allocation)) amounts.push(allocation)
  return amounts.sort((a, b) => a - b).map((amount) => ({ amount, confidence: coverage(need, amount) }))
}
