import type { LawRecord } from './growth-laws.ts'

/**
 * The doubt that beyond the range none of the growth laws holds. It lowers the confidence in an amount; it is no reason to
 * give more.
 */
export interface Doubt {
  readonly chance: number
  /** ln(amount) from which the chance falls, and how far above it is 0. */
  readonly from: number
  readonly reach: number
}

/** The chance grows with distance ÷ range up to `mostDoubt`, half of which it is at `halfLeverage`… */
const mostDoubt = 0.5
const halfLeverage = 5
/** …and with the scatter, half at this one: what varies for no known reason may vary more. */
const halfScatter = 0.03
/** What no law explains takes a need no farther above the largest seen than this, a logarithm: 12 times… */
const leastReach = 2.5
/** …and where distance ÷ range is large, so that next to nothing is known of growth, so much farther, half of it at this. */
const moreReach = 6
const halfReachLeverage = 20
/** A range counts as no less, as a logarithm. */
const leastRange = 0.01

/** `distance`: ln(value / largest value seen). `largest`: the largest need seen. */
export function doubtAt({ range, scatter }: LawRecord, distance: number, largest: number): Doubt {
  const leverage = distance / (range + leastRange)
  const chance = mostDoubt * (leverage / (leverage + halfLeverage)) * (scatter / (scatter + halfScatter))
  const reach = leastReach + moreReach * (leverage / (leverage + halfReachLeverage))
  return { chance, from: Math.log(largest), reach }
}

/** The least amount that no doubt is cast on. */
export const amountBeyondDoubt = ({ from, reach }: Doubt): number => Math.exp(from + reach) * (1 + 1e-9)

/** Probability that the need is above `amount`, against all laws. */
export function probabilityAgainst({ chance, from, reach }: Doubt, amount: number): number {
  const left = 1 - (Math.log(amount) - from) / reach
  return chance * Math.max(0, Math.min(1, left)) ** 2
}
