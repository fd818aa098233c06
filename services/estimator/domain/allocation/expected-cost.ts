import type { Distribution } from '../distribution/distribution.ts'
import type { DistributionWorkspace } from '../distribution/workspace.ts'
import { firstAbove } from '../history/sorted-search.ts'
import type { FailureCost } from './failure-cost.ts'
import { retryAmount } from './retry.ts'

/**
 * What giving an amount is expected to cost. One that suffices costs itself for the run time; where it does not, itself ×
 * (time to failure), the retry, and where that does not do either a third attempt at twice that; and each failure what a
 * failure costs. (What is needed is the same whatever is given.)
 * Unit: the need's × the expected run time. Valid until the workspace is used again.
 */
export interface ExpectedCost {
  /** Of giving what atom i needs. */
  at(i: number): number
  /** Of one failure, before the risk profile's factor. */
  readonly failure: number
}

/** `failureFactor`: the risk profile's, on the cost of a failure. */
export function expectedCost(
  need: Distribution,
  cost: FailureCost,
  failureFactor: number,
  workspace: DistributionWorkspace,
): ExpectedCost {
  const { largest } = cost
  const { size, atoms, cumulative, runtimeShare } = need
  const needs = needsOf(need, workspace)
  const typical = cost.typicalNeed ?? meanOfAtoms(need, needs)
  const failure = cost.patience * typical + cost.restart * Math.max(typical, cost.restartAmount)
  const charged = failureFactor * failure
  const saved = 1 - cost.timeToFailure

  /** Share of the run time: what fails at `amount`. */
  function failingAt(amount: number): number {
    const above = firstAbove(atoms, size, Math.log(amount))
    return above > 0 ? 1 - (runtimeShare[above - 1] as number) : 1
  }

  /** What a retry fails that goes just above the largest need seen. */
  const failsAboveLargest = largest === undefined ? 1 : failingAt(retryAmount(largest, 0))

  return {
    at(i) {
      const given = needs[i] as number
      const failing = 1 - (runtimeShare[i] as number)
      const failureProbability = 1 - (cumulative[i] as number)
      const retry = retryAmount(largest, given)
      const failsAgain =
        largest !== undefined && given < largest ? failsAboveLargest : failing > 0 ? failingAt(retry) : 0
      return (
        given * (1 - failing * saved) +
        failing * retry +
        2 * retry * failsAgain +
        failureProbability * charged
      )
    },
    failure,
  }
}

function needsOf({ atoms, size }: Distribution, workspace: DistributionWorkspace): Float64Array {
  if (workspace.needs.length < size) workspace.needs = new Float64Array(2 * size)
  const { needs } = workspace
  for (let i = 0; i < size; i++) needs[i] = Math.exp(atoms[i] as number)
  return needs
}

/** E[need], of what an amount may help against. */
export const meanOf = (need: Distribution, workspace: DistributionWorkspace): number =>
  meanOfAtoms(need, needsOf(need, workspace))

function meanOfAtoms({ size, cumulative }: Distribution, needs: Float64Array): number {
  let mean = 0
  let before = 0
  for (let i = 0; i < size; i++) {
    mean += (needs[i] as number) * ((cumulative[i] as number) - before)
    before = cumulative[i] as number
  }
  return mean
}
