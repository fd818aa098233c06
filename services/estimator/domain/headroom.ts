import type { Appetite } from './appetite.ts'
import { type Distribution, rounding } from './distribution.ts'
import { expectedCost, type Stakes } from './expected-cost.ts'
import { firstFrom } from './sorted.ts'

/** What a failure is priced at on top of the appetite's price, as far as its tolerance goes. */
const regret = 32

/**
 * The newsvendor's allocation: of the atoms from `within.from` on the one with the least expected cost, or a larger one up
 * to `within.to` that costs little more (the appetite's tolerance) and fails less often. Unit: of the need, as amounts.
 * Law: positive and finite; monotone in the appetite and in both ends: `from` only takes small amounts away, the price
 * multiplies the probability of failing, which falls with the amount, and of what cost little more at a lower price, an
 * amount above the cheapest still does at a higher one.
 * Source: Arrow, Harris & Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951.
 */
export function headroom(
  need: Distribution,
  stakes: Stakes,
  { price, tolerance }: Appetite,
  within: { readonly from: number; readonly to: number },
): number {
  const cost = expectedCost(need, stakes, price)
  const last = need.size - 1
  let cheapest = last
  let least = Number.POSITIVE_INFINITY
  for (let i = indexOf(need, within.from); i <= last; i++) {
    const its = cost.at(i)
    if (its >= least) continue
    least = its
    cheapest = i
  }
  const most = indexOf(need, within.to)
  const limit = least * (1 + tolerance)
  let chosen = cheapest
  let leastRegretted = Number.POSITIVE_INFINITY
  for (let i = cheapest; i <= most; i++) {
    const its = cost.at(i)
    if (its > limit) continue
    const regretted = its + regret * (1 - (need.below[i] as number)) * cost.failure
    if (regretted >= leastRegretted) continue
    leastRegretted = regretted
    chosen = i
  }
  return Math.exp(need.atoms[chosen] as number)
}

/** Of the first need that is not below the amount; of the last where all are. */
const indexOf = ({ atoms, size }: Distribution, amount: number): number =>
  firstFrom(atoms, size - 1, Math.log(amount) - rounding)
