import { type Calibration, calibrated, rawFor } from './calibration.ts'
import { type Distribution, leastNeed, probability, quantile } from './distribution.ts'

/**
 * What is believed about one need: a distribution, corrected by its record, cut off below at what is already known not
 * to have sufficed. Law: `sufficient` is monotone in the amount and lies in [0, 1].
 */
export interface Need {
  readonly distribution: Distribution
  readonly calibration: Calibration | undefined
  /** The need is above this: a retry's failed allocation. 0 = nothing known. */
  readonly above: number
  /** What no execution so far has shown; unset where nothing is known of it. */
  readonly unforeseen?: Unforeseen | undefined
}

export interface Unforeseen {
  /** Probability that it happens. */
  readonly chance: number
  /** Largest need seen: from there the chance falls with the square of the amount. */
  readonly largest: number
}

/** Of the chance that the next is the largest of all, what the mixture does not foresee. */
const unforeseenShare = 0.42

/**
 * After n executions, or n tasks, the next is the largest of all with probability 1 / (n + 1), if their order means
 * nothing: some of that lies beyond what any model makes of the n.
 */
export const unforeseenAfter = (n: number, largest: number): Unforeseen => ({
  chance: unforeseenShare / (n + 1),
  largest,
})

function plain({ distribution, calibration, unforeseen }: Need, amount: number): number {
  if (!(amount > 0)) return 0
  const p = probability(distribution, amount)
  const known = calibration ? calibrated(calibration, p) : p
  if (unforeseen === undefined) return known
  const { chance, largest } = unforeseen
  return known * (1 - chance * (amount <= largest ? 1 : (largest / amount) ** 2))
}

/** P(the need is at most `amount`). */
export function sufficient(need: Need, amount: number): number {
  if (amount <= need.above) return 0
  const known = need.above > 0 ? plain(need, need.above) : 0
  // Nothing was left above: all the model knows is that it was wrong.
  if (known >= 0.999) return amount >= 2 * need.above ? 0.5 : 0.5 * (amount / need.above - 1)
  return (plain(need, amount) - known) / (1 - known)
}

/** The amount that suffices with probability q, by the uncorrected distribution. */
export const amountAt = (need: Need, q: number): number =>
  Math.max(need.above, quantile(need.distribution, q))

/**
 * The probability that the distribution must give an amount that fails no more often than `acceptable`. Of what is
 * unforeseen half counts: more helps only against some of it.
 */
export function failingRarely({ calibration, unforeseen }: Need, acceptable: number): number {
  const wanted = Math.min(1, (1 - acceptable) / (1 - 0.5 * (unforeseen?.chance ?? 0)))
  return calibration === undefined ? wanted : rawFor(calibration, wanted)
}

/** The least amount that suffices with probability `target`, by the corrected distribution. */
export function covering(need: Need, target: number): number {
  const amount = leastNeed(need.distribution, (atom) => sufficient(need, atom) >= target)
  if (need.unforeseen === undefined || sufficient(need, amount) >= target) return amount
  const { chance, largest } = need.unforeseen
  return Math.max(amount, largest * Math.sqrt(chance / (1 - target)) * (1 + 1e-9))
}
