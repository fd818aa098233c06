import type { Appetite } from './appetite.ts'
import { quantile, slice } from './distribution.ts'
import { type ExpectedCost, expectedCost, type Outlook, type Stakes } from './expected-cost.ts'
import { firstFrom } from './sorted.ts'

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
  outlook: Outlook,
  stakes: Stakes,
  { floor, price, tolerance }: Appetite,
  rarely: number,
): number {
  const cost = expectedCost(outlook, stakes, price)
  const cheapest = leastCost(outlook, cost, floor)
  const most = quantile(outlook.need, rarely)
  if (most <= cheapest.amount) return cheapest.amount
  return leastRegret(outlook, cost, { ...cheapest, most, limit: cheapest.cost * (1 + tolerance) })
}

/** A slice is only looked into where the bounds of its cost do not rule it out. */
function leastCost(
  { need, runtime }: Outlook,
  cost: ExpectedCost,
  floor: number,
): { readonly amount: number; readonly cost: number } {
  const last = need.size - 1
  const first = firstFrom(need.below, last, floor)
  let bound = Number.POSITIVE_INFINITY
  for (let j = first; j <= last; j++) {
    const most = cost.mostAt(j)
    if (most < bound) bound = most
  }
  bound *= 1 + 1e-9
  let least = Number.POSITIVE_INFINITY
  let amount = cost.edges[last] as number
  for (let j = last; j >= first; j--) {
    if (cost.leastIn(j) > bound) continue
    const { atoms, below, count } = slice(need, j)
    const spent = slice(runtime, j).below
    for (let i = count - 1; i >= 0 && (below[i] as number) >= floor; i--) {
      const given = Math.exp(atoms[i] as number)
      const its = cost.at(given, 1 - (below[i] as number), 1 - (spent[i] as number))
      if (its > least) continue
      least = its
      amount = given
    }
  }
  return { amount, cost: least }
}

/** What a failure is priced at on top of the appetite's price, as far as its tolerance goes. */
const regret = 32

/** Among the amounts from `amount` to `most` that cost no more than `limit`. */
function leastRegret(
  { need, runtime }: Outlook,
  cost: ExpectedCost,
  within: { readonly amount: number; readonly most: number; readonly limit: number },
): number {
  const { most, limit } = within
  const { edges, failure } = cost
  let least = Number.POSITIVE_INFINITY
  let { amount } = within
  for (let j = need.size - 1; j >= 0 && (edges[j] as number) >= within.amount; j--) {
    if ((j > 0 && (edges[j - 1] as number) >= most) || cost.leastIn(j) > limit) continue
    const { atoms, below, count } = slice(need, j)
    const spent = slice(runtime, j).below
    for (let i = count - 1; i >= 0; i--) {
      const given = Math.exp(atoms[i] as number)
      if (given > most) continue
      if (given < within.amount) break
      const fails = 1 - (below[i] as number)
      const its = cost.at(given, fails, 1 - (spent[i] as number))
      if (its > limit) continue
      const regretted = its + regret * fails * failure
      if (regretted >= least) continue
      least = regretted
      amount = given
    }
  }
  return amount
}
