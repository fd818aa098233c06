import type { Appetite } from './appetite.ts'
import type { Distribution } from './distribution.ts'
import { expectedCost, type Stakes } from './expected-cost.ts'
import { firstFrom } from './sorted.ts'

/** What a failure is priced at on top of the appetite's price, as far as its tolerance goes. */
const regret = 32

/**
 * The newsvendor's allocation: of the atoms at or above the appetite's floor the one with the least expected cost, or a
 * larger one that costs little more (the appetite's tolerance) as far as that makes it fail less often than `rarely`, a
 * probability of the distribution.
 * Law: positive and finite; monotone in the appetite: the floor only takes small amounts away, the price multiplies the
 * probability of failing, which falls with the amount, and of what cost little more at a lower price, an amount above the
 * cheapest still does at a higher one.
 * Source: Arrow, Harris & Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951.
 */
export function headroom(
  need: Distribution,
  stakes: Stakes,
  { floor, price, tolerance }: Appetite,
  rarely: number,
): number {
  const cost = expectedCost(need, stakes, price)
  const last = need.size - 1
  let cheapest = last
  let least = Number.POSITIVE_INFINITY
  for (let i = firstFrom(need.below, last, floor); i <= last; i++) {
    const its = cost.at(i)
    if (its >= least) continue
    least = its
    cheapest = i
  }
  const most = firstFrom(need.below, last, rarely)
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
