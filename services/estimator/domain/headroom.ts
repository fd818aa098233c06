import type { Appetite } from './appetite.ts'
import type { Distribution } from './distribution.ts'

/** What a failure costs beside the allocation it wasted, in runtimes of the task. */
export interface Stakes {
  /** Fraction of a run that has passed when it fails: 1 = at the very end. */
  readonly timeToFailure: number
  /** Runtimes' worth of the allocation that a failure is charged with on top: 1 + min(20, 30 s / mean runtime). */
  readonly failurePrice: number
}

/**
 * The newsvendor's factor on a prediction: minimises expected waste over the atoms at or above the appetite's floor.
 * Waste of a factor m: (m − need) where it suffices; m·(ttf + price) where it fails, and what the retry then wastes.
 * Unit: multiples of the prediction. `largest` = largest need seen / prediction.
 * Law: positive and finite; monotone in the appetite.
 */
export function headroom(d: Distribution, stakes: Stakes, largest: number, appetite: Appetite): number {
  const { needs, massFrom, needFrom } = d
  const n = needs.length
  const all = needFrom[0] ?? 1
  const fine = (appetite.price - 1) * stakes.failurePrice * all
  let best = Number.POSITIVE_INFINITY
  let factor = needs[n - 1] ?? 1
  for (let i = n - 1; i >= 0 && (d.below[i] ?? 1) >= appetite.floor; i--) {
    const m = needs[i] ?? 1
    const fails = massFrom[i + 1] ?? 0
    let cost =
      m * (1 - fails) -
      (all - (needFrom[i + 1] ?? 0)) +
      fails * (m * (stakes.timeToFailure + stakes.failurePrice) + fine)
    if (fails > 0) cost += retryWaste(d, i, largest > m * 1.05 ? largest : 2 * m)
    if (cost <= best) {
      best = cost
      factor = m
    }
  }
  return factor
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
