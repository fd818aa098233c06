import type { Appetite } from './appetite.ts'
import type { Distribution } from './distribution.ts'

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

/**
 * The newsvendor's allocation: the atom at or above the appetite's floor with the least expected cost. An amount a costs
 * (a − need) where it suffices; where it does not, a × (time to failure), the price of a failure, and what the retry at
 * the next rung then wastes, a third attempt at twice that included.
 * Law: positive and finite; monotone in the appetite: the floor only takes small amounts away, and the price multiplies
 * the probability of failing, which falls with the amount.
 * Source: Arrow, Harris & Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951.
 */
export function headroom(
  { needs, below }: Distribution,
  { timeToFailure, failurePrice, largest }: Stakes,
  { floor, price }: Appetite,
): number {
  const size = needs.length
  const fine = price * failurePrice * meanNeed(needs, below)
  let best = Number.POSITIVE_INFINITY
  let amount = needs[size - 1] as number
  /** Of the atoms above the one at hand: their weight, and their weight times need. */
  let fails = 0
  let failing = 0
  /** Of those that a retry does not cover either. */
  let retryFrom = size
  let above = 0
  let aboveNeed = 0
  for (let i = size - 1; i >= 0; i--) {
    if ((below[i] as number) < floor && i < size - 1) break
    const given = needs[i] as number
    let cost = given * (1 - fails) + failing + fails * (given * timeToFailure) + fails * fine
    if (fails > 0) {
      const retry = nextRung(largest, given)
      while (retryFrom > i + 1 && (needs[retryFrom - 1] as number) > retry) {
        retryFrom--
        const weight = weightOf(below, retryFrom)
        above += weight
        aboveNeed += weight * (needs[retryFrom] as number)
      }
      cost += retry * (fails - above) - (failing - aboveNeed) + above * 3 * retry - aboveNeed
    }
    if (cost <= best) {
      best = cost
      amount = given
    }
    const weight = weightOf(below, i)
    fails += weight
    failing += weight * given
  }
  return amount
}

function weightOf(below: Float64Array, i: number): number {
  return (below[i] as number) - (i > 0 ? (below[i - 1] as number) : 0)
}

function meanNeed(needs: Float64Array, below: Float64Array): number {
  let sum = 0
  for (let i = 0; i < needs.length; i++) sum += weightOf(below, i) * (needs[i] as number)
  return sum
}
