import type { Distribution } from './distribution.ts'
import { nextRung } from './escalation.ts'
import { firstAbove } from './sorted.ts'

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

/**
 * What giving an amount is expected to cost. One that suffices costs itself for the run time; where it does not, itself ×
 * (time to failure), the retry at the next rung, and where that does not do either a third attempt at twice that; and each
 * failure its price. (What is needed is the same whatever is given.)
 * Unit: the need's × the expected run time. Valid until the next one is made.
 */
export interface ExpectedCost {
  /** Of giving what atom i needs. */
  at(i: number): number
  /** Price of one failure to a balanced appetite. */
  readonly failure: number
}

/** `price`: the appetite's factor on the price of a failure. */
export function expectedCost(need: Distribution, stakes: Stakes, price: number): ExpectedCost {
  const { failurePrice, restartPrice, restartAmount, largest } = stakes
  const { size, atoms, below, spent } = need
  const needs = needsOf(need)
  const typical = meanOf(needs, need)
  const failure = failurePrice * typical + restartPrice * Math.max(typical, restartAmount)
  const fine = price * failure
  const early = 1 - stakes.timeToFailure

  /** Of the run time: what fails at `amount`. */
  function failingAt(amount: number): number {
    const above = firstAbove(atoms, size, Math.log(amount))
    return above > 0 ? 1 - (spent[above - 1] as number) : 1
  }

  /** What a retry at the next rung fails, below the largest need seen. */
  const failsAgain = largest > 0 ? failingAt(nextRung(largest, 0)) : 1

  return {
    at(i) {
      const given = needs[i] as number
      const failing = 1 - (spent[i] as number)
      const fails = 1 - (below[i] as number)
      const retry = nextRung(largest, given)
      const again = given < largest ? failsAgain : failing > 0 ? failingAt(retry) : 0
      return given * (1 - failing * early) + failing * retry + 2 * retry * again + fails * fine
    },
    failure,
  }
}

let needs = new Float64Array(64)

function needsOf({ atoms, size }: Distribution): Float64Array {
  if (needs.length < size) needs = new Float64Array(2 * size)
  for (let i = 0; i < size; i++) needs[i] = Math.exp(atoms[i] as number)
  return needs
}

/** E[need], of what an amount may help against. */
function meanOf(needs: Float64Array, { size, below }: Distribution): number {
  let mean = 0
  let before = 0
  for (let i = 0; i < size; i++) {
    mean += (needs[i] as number) * ((below[i] as number) - before)
    before = below[i] as number
  }
  return mean
}
