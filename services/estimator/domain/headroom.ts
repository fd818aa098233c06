import type { Appetite } from './appetite.ts'
import { atMost, type Distribution, meanNeed, slice } from './distribution.ts'

/** What a failure costs. */
export interface Stakes {
  /** Share of a run that has passed when it fails: 1 is its very end. */
  readonly timeToFailure: number
  /** What a failure is charged on top, in runs of a typical need: a platform's time and a person's patience. */
  readonly failurePrice: number
  /** Largest need seen, 0 for none: where a retry goes first. */
  readonly largest: number
}

/** Above the largest need seen, or beyond it: by more at each further attempt. */
export function nextRung(largest: number, failed: number, failures = 1): number {
  return largest > failed ? largest * 1.05 : failed * (1.3 + 0.4 * (failures - 1))
}

/** Used by one call at a time, and read by none after. */
let needs = new Float64Array(64)

/**
 * The newsvendor's allocation: the atom at or above the appetite's floor with the least expected cost. An amount a that
 * suffices costs a; where it does not, a × (time to failure), the price of a failure, the retry at the next rung, and
 * where that does not do either a third attempt at twice that. (What is needed is the same whatever is given.)
 * A slice is only looked into where the bounds of its cost do not rule it out.
 * Law: positive and finite; monotone in the appetite: the floor only takes small amounts away, and the price multiplies
 * the probability of failing, which falls with the amount.
 * Source: Arrow, Harris & Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951.
 */
export function headroom(
  d: Distribution,
  { timeToFailure, failurePrice, largest }: Stakes,
  { floor, price }: Appetite,
): number {
  const { size, edges, below } = d
  const last = size - 1
  const fine = price * failurePrice * meanNeed(d)
  const early = 1 - timeToFailure
  /** P(a retry at the next rung fails), below the largest need seen, and no more than that above it. */
  const failsAgain = largest > 0 ? 1 - atMost(d, Math.log(nextRung(largest, 0))) : 1
  if (needs.length < size) needs = new Float64Array(2 * size)
  let bound = Number.POSITIVE_INFINITY
  let first = last
  for (let j = last; j >= 0; j--) {
    if ((below[j] as number) < floor && j < last) break
    const given = Math.exp(edges[j] as number)
    needs[j] = given
    first = j
    const fails = 1 - (below[j] as number)
    const retry = nextRung(largest, given)
    const cost =
      given * (1 - fails * early) + fails * (fine + retry) + 2 * retry * Math.min(fails, failsAgain)
    if (cost < bound) bound = cost
  }
  bound *= 1 + 1e-9
  let best = Number.POSITIVE_INFINITY
  let amount = needs[last] as number
  for (let j = last; j >= first; j--) {
    const least = j > first ? (needs[j - 1] as number) : j > 0 ? Math.exp(edges[j - 1] as number) : 0
    const fails = 1 - (below[j] as number)
    const most = j > 0 ? 1 - (below[j - 1] as number) : 1
    const again = (needs[j] as number) < largest ? failsAgain : 0
    const retry = nextRung(largest, least)
    if (least * (1 - most * early) + fails * (fine + retry) + 2 * retry * Math.min(fails, again) > bound)
      continue
    const inside = slice(d, j)
    for (let i = inside.count - 1; i >= 0; i--) {
      const p = inside.below[i] as number
      if (p < floor && !(j === last && i === inside.count - 1)) break
      const given = Math.exp(inside.atoms[i] as number)
      const fails = 1 - p
      const retry = nextRung(largest, given)
      const again = given < largest ? failsAgain : fails > 0 ? 1 - atMost(d, Math.log(retry)) : 0
      const cost = given * (1 - fails * early) + fails * (fine + retry) + 2 * retry * again
      if (cost <= best) {
        best = cost
        amount = given
      }
    }
  }
  return amount
}
