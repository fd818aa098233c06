import { type Calibration, calibrated } from './calibration.ts'
import { type Distribution, leastNeed, probability, quantile, rounding } from './distribution.ts'
import { amountBeyondDoubt, type Doubt, probabilityAgainst } from './doubt.ts'
import { amountLeaving, type PowerTail, probabilityAbove, type Tail } from './tail.ts'

/**
 * What is predicted of one need: a distribution, calibrated by its record, with a tail beyond what was seen, cut off
 * below at what is known not to have sufficed.
 */
export interface PredictedNeed {
  /** What amounts are chosen by. */
  readonly distribution: Distribution
  /** What confidence goes by, where that is another. */
  readonly believed?: Distribution | undefined
  /** Beyond the range of a feature, what is predicted at its edge: nothing is surer than there. */
  readonly atEdge?: Distribution | undefined
  readonly calibration?: Calibration | undefined
  /** The need is above this: a retry's failed allocation. Unset where nothing is known. */
  readonly above?: number | undefined
  /** Unset where nothing is known of what was not seen. */
  readonly tail?: Tail | undefined
  /** Where few executions are as large: that the need is above what is said of it by smaller ones. */
  readonly sparse?: PowerTail | undefined
  /** Beyond the range of a feature: that it is not as within. */
  readonly doubt?: Doubt | undefined
  /** Of a request that is taken for a ceiling: that the need is above it after all. */
  readonly ceiling?: PowerTail | undefined
}

/** P(need ≤ amount), whatever the need is known to exceed. */
function unconditional(
  { distribution, believed = distribution, atEdge, calibration, tail, sparse, doubt, ceiling }: PredictedNeed,
  amount: number,
): number {
  if (!(amount > 0)) return 0
  const grown = probability(believed, amount)
  const raw = atEdge === undefined ? grown : Math.min(grown, probability(atEdge, amount))
  const calibratedRaw = calibration ? calibrated(calibration, raw) : raw
  const covered =
    ceiling === undefined ? calibratedRaw : Math.min(calibratedRaw, 1 - probabilityAbove(ceiling, amount))
  const above = sparse === undefined ? 0 : probabilityAbove(sparse, amount)
  const lawful = 1 - Math.max(above, doubt === undefined ? 0 : probabilityAgainst(doubt, amount))
  const seen = tail === undefined ? 1 : 1 - probabilityAbove(tail, amount)
  return covered * lawful * seen
}

/** What had been given to an amount that is known not to have sufficed. */
const refuted = (need: PredictedNeed): number =>
  need.above === undefined ? 0 : unconditional(need, need.above)

/** From here on nothing was left above: all the model knows is that it was wrong. */
const certain = 0.999

/** P(need ≤ amount). Law: monotone in the amount, in [0, 1]. */
export function coverage(need: PredictedNeed, amount: number): number {
  const { above } = need
  if (above === undefined) return unconditional(need, amount)
  if (amount <= above) return 0
  const known = refuted(need)
  if (known >= certain) return amount >= 2 * above ? 0.5 : 0.5 * (amount / above - 1)
  return (unconditional(need, amount) - known) / (1 - known)
}

/** The amount that suffices with probability q, by the uncalibrated distribution. */
export function needQuantile({ distribution, above = 0 }: PredictedNeed, q: number): number {
  return Math.max(above, quantile(distribution, q))
}

/** The least amount whose coverage is `target`; where none reaches it, the largest. */
export function amountCovering(need: PredictedNeed, target: number): number {
  const amount = leastNeed(need.distribution, (atom) => coverage(need, atom) >= target)
  const known = refuted(need)
  const { distribution, atEdge, tail, sparse, doubt, ceiling } = need
  if (known >= certain) return amount
  if (coverage(need, amount) >= target) {
    // Beyond the range needs lie on a grid, whose gaps are others at another distance.
    const least = Math.exp(distribution.atoms[0] as number)
    return atEdge === undefined ? amount : leastCovering(need, target, Math.min(least, amount), amount)
  }
  const tails = [tail, sparse, ceiling].filter((one) => one !== undefined)
  const mayFail = ((1 - target) * (1 - known)) / Math.max(1, tails.length)
  const inTails = Math.max(amount, ...tails.map((one) => amountLeaving(mayFail, one)))
  if (doubt === undefined && tails.length < 2) return inTails
  const surely = doubt === undefined ? inTails : Math.max(inTails, amountBeyondDoubt(doubt))
  return leastCovering(need, target, amount, surely)
}

/** Amounts that are looked for lie so far apart, as logarithms. */
const step = 1e-3

/** What may lie above has no closed form together: bisection. Law: it grows where coverage falls. */
function leastCovering(need: PredictedNeed, target: number, below: number, surely: number): number {
  let low = Math.floor(Math.log(below) / step) - 1
  let high = Math.ceil(Math.log(surely) / step - rounding)
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (coverage(need, Math.exp(middle * step)) >= target) high = middle
    else low = middle
  }
  return Math.exp(high * step)
}
