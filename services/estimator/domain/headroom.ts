import type { Appetite } from './appetite.ts'
import { atMost, type Distribution, meanNeed, quantile, slice } from './distribution.ts'

/** What a failure costs. */
export interface Stakes {
  /** Share of a run that has passed when it fails: 1 is its very end. */
  readonly timeToFailure: number
  /** What a failure is charged on top, in runs of a typical need: a person's patience. */
  readonly failurePrice: number
  /** And in runs of a typical need, or of `restartAmount` where that is more: a platform's time to start again. */
  readonly restartPrice: number
  readonly restartAmount: number
  /** Largest need seen, 0 for none: where a retry goes first. */
  readonly largest: number
}

/** What is believed of a need: how likely it is, and how much of the expected run time goes with it. Of the same atoms. */
export interface Outlook {
  readonly need: Distribution
  readonly runtime: Distribution
}

/** Above the largest need seen, or beyond it: by more at each further attempt. */
export function nextRung(largest: number, failed: number, failures = 1): number {
  return largest > failed ? largest * 1.05 : failed * (1.3 + 0.3 * (failures - 1))
}

/** What a failure is priced at on top of the appetite's price, as far as its tolerance goes. */
const regret = 16

/** Used by one call at a time, and read by none after. */
let needs = new Float64Array(64)

/**
 * The newsvendor's allocation: of the atoms at or above the appetite's floor the one with the least expected cost, or a
 * larger one that costs little more (the appetite's tolerance) as far as that makes it fail less often than `rarely`, a
 * probability of the distribution. An amount a that suffices costs a for the run time; where it does not, a × (time to
 * failure), the retry at the next rung, and where that does not do either a third attempt at twice that; and each failure
 * its price. (What is needed is the same whatever is given.)
 * A slice is only looked into where the bounds of its cost do not rule it out.
 * Law: positive and finite; monotone in the appetite: the floor only takes small amounts away, the price multiplies the
 * probability of failing, which falls with the amount, and of what cost little more at a lower price, an amount above the
 * cheapest still does at a higher one.
 * Source: Arrow, Harris & Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951.
 */
export function headroom(
  { need, runtime }: Outlook,
  { timeToFailure, failurePrice, restartPrice, restartAmount, largest }: Stakes,
  { floor, price, tolerance }: Appetite,
  rarely: number,
): number {
  const { size, edges, below } = need
  const spent = runtime.below
  const last = size - 1
  const typical = meanNeed(need)
  const unit = failurePrice * typical + restartPrice * Math.max(typical, restartAmount)
  const fine = price * unit
  const early = 1 - timeToFailure
  /** Of the run time: what a retry at the next rung fails, below the largest need seen, and no more than that above it. */
  const failsAgain = largest > 0 ? 1 - atMost(runtime, Math.log(nextRung(largest, 0))) : 1
  const costOf = (given: number, fails: number, failing: number, again: number): number => {
    const retry = nextRung(largest, given)
    return given * (1 - failing * early) + failing * retry + 2 * retry * again + fails * fine
  }
  const costAt = (given: number, fails: number, failing: number): number => {
    const known = given < largest ? failsAgain : undefined
    const again = known ?? (failing > 0 ? 1 - atMost(runtime, Math.log(nextRung(largest, given))) : 0)
    return costOf(given, fails, failing, again)
  }
  /** No amount of slice j costs less. */
  const leastIn = (j: number): number => {
    const least = j > 0 ? Math.exp(edges[j - 1] as number) : 0
    const failing = 1 - (spent[j] as number)
    const most = j > 0 ? 1 - (spent[j - 1] as number) : 1
    const again = (needs[j] as number) < largest ? failsAgain : 0
    const retry = nextRung(largest, least)
    const fails = 1 - (below[j] as number)
    return least * (1 - most * early) + failing * retry + 2 * retry * Math.min(failing, again) + fails * fine
  }

  if (needs.length < size) needs = new Float64Array(2 * size)
  let bound = Number.POSITIVE_INFINITY
  let first = last
  for (let j = last; j >= 0; j--) {
    if ((below[j] as number) < floor && j < last) break
    needs[j] = Math.exp(edges[j] as number)
    first = j
    const failing = 1 - (spent[j] as number)
    const cost = costOf(needs[j] as number, 1 - (below[j] as number), failing, Math.min(failing, failsAgain))
    if (cost < bound) bound = cost
  }
  bound *= 1 + 1e-9
  let best = Number.POSITIVE_INFINITY
  let amount = needs[last] as number
  for (let j = last; j >= first; j--) {
    if (leastIn(j) > bound) continue
    const inside = slice(need, j)
    const weighed = slice(runtime, j)
    for (let i = inside.count - 1; i >= 0; i--) {
      const p = inside.below[i] as number
      if (p < floor && !(j === last && i === inside.count - 1)) break
      const given = Math.exp(inside.atoms[i] as number)
      const cost = costAt(given, 1 - p, 1 - (weighed.below[i] as number))
      if (cost <= best) {
        best = cost
        amount = given
      }
    }
  }

  const most = quantile(need, rarely)
  const cheapest = amount
  if (most <= cheapest) return cheapest
  const limit = best * (1 + tolerance)
  let dearest = Number.POSITIVE_INFINITY
  for (let j = last; j >= first && (needs[j] as number) >= cheapest; j--) {
    if ((j > first && (needs[j - 1] as number) >= most) || leastIn(j) > limit) continue
    const inside = slice(need, j)
    const weighed = slice(runtime, j)
    for (let i = inside.count - 1; i >= 0; i--) {
      const given = Math.exp(inside.atoms[i] as number)
      if (given > most) continue
      if (given < cheapest) break
      const fails = 1 - (inside.below[i] as number)
      const cost = costAt(given, fails, 1 - (weighed.below[i] as number))
      if (cost > limit) continue
      const regretted = cost + regret * fails * unit
      if (regretted < dearest) {
        dearest = regretted
        amount = given
      }
    }
  }
  return amount
}
