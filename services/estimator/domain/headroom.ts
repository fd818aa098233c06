import type { Appetite } from './appetite.ts'
import type { Distribution } from './distribution.ts'

/** What a failure costs beside the allocation it wasted. */
export interface Stakes {
  /** Fraction of a run that has passed when it fails: 1 = at the very end. */
  readonly timeToFailure: number
  /** Runtimes' worth of the allocation that a failure is charged with on top: 1 + min(20, 30 s / mean runtime). */
  readonly failurePrice: number
  /** Largest need seen, 0 = none: where a retry goes first. */
  readonly largest: number
}

/** What comes after `failed` did not suffice: the largest need seen with 5 % on top if that is clearly more, else half again. */
export const nextRung = (largest: number, failed: number): number =>
  largest > failed ? largest * 1.05 : failed * 1.5

/**
 * The newsvendor's allocation: minimises expected waste over the atoms at or above the appetite's floor.
 * Waste of an amount a: (a − need) where it suffices; a·(ttf + price) where it fails, and what the retry then wastes.
 * Law: positive and finite; monotone in the appetite: the floor only removes small amounts, and the price multiplies the
 * probability of failing, which falls with the amount.
 */
export function headroom(d: Distribution, stakes: Stakes, appetite: Appetite): number {
  const { needs, massFrom, needFrom, below } = d
  const n = needs.length
  const all = needFrom[0] ?? 1
  const fine = (appetite.price - 1) * stakes.failurePrice * all
  let best = Number.POSITIVE_INFINITY
  let amount = needs[n - 1] ?? 1
  for (let i = n - 1; i >= 0 && (below[i] ?? 1) >= appetite.floor; i--) {
    const a = needs[i] ?? 1
    const fails = massFrom[i + 1] ?? 0
    let cost =
      a * (1 - fails) -
      (all - (needFrom[i + 1] ?? 0)) +
      fails * (a * (stakes.timeToFailure + stakes.failurePrice) + fine)
    if (fails > 0) cost += retryWaste(d, i, nextRung(stakes.largest, a))
    if (cost <= best) {
      best = cost
      amount = a
    }
  }
  return amount
}

/** Expected waste of a second attempt at `retry`, and of a third at twice that for what is still above. */
function retryWaste(d: Distribution, i: number, retry: number): number {
  let low = i + 1
  let high = d.needs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((d.needs[middle] ?? 0) <= retry) low = middle + 1
    else high = middle
  }
  const above = d.massFrom[low] ?? 0
  const fits = (d.massFrom[i + 1] ?? 0) - above
  const fitsNeed = (d.needFrom[i + 1] ?? 0) - (d.needFrom[low] ?? 0)
  return retry * fits - fitsNeed + (above > 0 ? above * 3 * retry - (d.needFrom[low] ?? 0) : 0)
}
