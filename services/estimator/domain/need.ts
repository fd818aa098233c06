import { type Calibration, calibrated } from './calibration.ts'
import { type Distribution, leastNeed, probability, quantile } from './distribution.ts'
import { chanceAbove, type Unforeseen } from './unforeseen.ts'

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

function plain({ distribution, calibration, unforeseen }: Need, amount: number): number {
  if (!(amount > 0)) return 0
  const p = probability(distribution, amount)
  const known = calibration ? calibrated(calibration, p) : p
  if (unforeseen === undefined) return known
  return known * (1 - chanceAbove(unforeseen, amount))
}

/** What was believed of an amount that is known not to have sufficed. */
const disproved = (need: Need): number => (need.above > 0 ? plain(need, need.above) : 0)

/** From here on nothing was left above: all the model knows is that it was wrong. */
const certain = 0.999

/** P(the need is at most `amount`). */
export function sufficient(need: Need, amount: number): number {
  if (amount <= need.above) return 0
  const known = disproved(need)
  if (known >= certain) return amount >= 2 * need.above ? 0.5 : 0.5 * (amount / need.above - 1)
  return (plain(need, amount) - known) / (1 - known)
}

/** The amount that suffices with probability q, by the uncorrected distribution. */
export const amountAt = (need: Need, q: number): number =>
  Math.max(need.above, quantile(need.distribution, q))

/** The least amount that suffices with probability `target`, by the corrected distribution; where none does, its largest. */
export function covering(need: Need, target: number): number {
  const amount = leastNeed(need.distribution, (atom) => sufficient(need, atom) >= target)
  const known = disproved(need)
  if (need.unforeseen === undefined || known >= certain || sufficient(need, amount) >= target) return amount
  const { chance, largest } = need.unforeseen
  return Math.max(amount, largest * Math.sqrt(chance / ((1 - target) * (1 - known))) * (1 + 1e-9))
}
