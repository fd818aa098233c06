import { atMost, type Distribution, meanNeed } from './distribution.ts'
import { nextRung } from './escalation.ts'

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

/**
 * What giving an amount is expected to cost. One that suffices costs itself for the run time; where it does not, itself ×
 * (time to failure), the retry at the next rung, and where that does not do either a third attempt at twice that; and each
 * failure its price. (What is needed is the same whatever is given.)
 * Unit: the need's × the expected run time. `fails` is the probability of failing, `failing` the share of the run time
 * that fails. Valid until the next one is made.
 */
export interface ExpectedCost {
  /** Of giving so much. */
  at(given: number, fails: number, failing: number): number
  /** The upper edge of slice j costs no more. */
  mostAt(j: number): number
  /** No amount of slice j costs less. */
  leastIn(j: number): number
  /** The need at the upper edge of each slice. */
  readonly edges: Float64Array
  /** Price of one failure to a balanced appetite. */
  readonly failure: number
}

/** `price`: the appetite's factor on the price of a failure. */
export function expectedCost({ need, runtime }: Outlook, stakes: Stakes, price: number): ExpectedCost {
  const { failurePrice, restartPrice, restartAmount, largest } = stakes
  const { below } = need
  const spent = runtime.below
  const edges = needsAtEdges(need)
  const typical = meanNeed(need)
  const failure = failurePrice * typical + restartPrice * Math.max(typical, restartAmount)
  const fine = price * failure
  const early = 1 - stakes.timeToFailure
  /** Of the run time: what a retry at the next rung fails, below the largest need seen, and no more than that above it. */
  const failsAgain = largest > 0 ? 1 - atMost(runtime, Math.log(nextRung(largest, 0))) : 1

  function costOf(given: number, fails: number, failing: number, again: number): number {
    const retry = nextRung(largest, given)
    return given * (1 - failing * early) + failing * retry + 2 * retry * again + fails * fine
  }

  return {
    at(given, fails, failing) {
      const known = given < largest ? failsAgain : undefined
      const again = known ?? (failing > 0 ? 1 - atMost(runtime, Math.log(nextRung(largest, given))) : 0)
      return costOf(given, fails, failing, again)
    },
    mostAt(j) {
      const failing = 1 - (spent[j] as number)
      return costOf(edges[j] as number, 1 - (below[j] as number), failing, Math.min(failing, failsAgain))
    },
    leastIn(j) {
      const least = j > 0 ? (edges[j - 1] as number) : 0
      const failing = 1 - (spent[j] as number)
      const most = j > 0 ? 1 - (spent[j - 1] as number) : 1
      const again = (edges[j] as number) < largest ? Math.min(failing, failsAgain) : 0
      const retry = nextRung(largest, least)
      const fails = 1 - (below[j] as number)
      return least * (1 - most * early) + failing * retry + 2 * retry * again + fails * fine
    },
    edges,
    failure,
  }
}

let needs = new Float64Array(64)

function needsAtEdges({ edges, size }: Distribution): Float64Array {
  if (needs.length < size) needs = new Float64Array(2 * size)
  for (let j = 0; j < size; j++) needs[j] = Math.exp(edges[j] as number)
  return needs
}
