import { type Distribution, rounding } from '../distribution/distribution.ts'
import type { DistributionWorkspace } from '../distribution/workspace.ts'
import { firstFrom } from '../history/sorted-search.ts'
import { expectedCost } from './expected-cost.ts'
import type { FailureCost } from './failure-cost.ts'
import type { RiskProfile } from './risk-profile.ts'

/** Weight of a failure when choosing among allocations within the cost tolerance. Dimensionless. */
const failureWeight = 32

/**
 * The newsvendor's allocation: of the atoms from `within.from` on the one of least expected cost, or a larger one up to
 * `within.to` that costs little more (the risk profile's tolerance) and fails less often. Unit: of the need.
 * Law: positive and finite; monotone in the risk and in both ends: `from` only takes small amounts away, the failure
 * factor multiplies the probability of failing, which falls with the amount, and of what cost little more at a lower
 * factor, an amount above the cheapest still does at a higher one.
 * Source: Arrow, Harris & Marschak, "Optimal Inventory Policy", Econometrica 19(3), 1951.
 */
export function newsvendor(
  need: Distribution,
  failureCost: FailureCost,
  { failureFactor, costTolerance }: RiskProfile,
  within: { readonly from: number; readonly to: number },
  workspace: DistributionWorkspace,
): number {
  const cost = expectedCost(need, failureCost, failureFactor, workspace)
  const last = need.size - 1
  let cheapest = last
  let least = Number.POSITIVE_INFINITY
  for (let i = indexOf(need, within.from); i <= last; i++) {
    const expected = cost.at(i)
    if (expected >= least) continue
    least = expected
    cheapest = i
  }
  const most = indexOf(need, within.to)
  const limit = least * (1 + costTolerance)
  let chosen = cheapest
  let leastWeighted = Number.POSITIVE_INFINITY
  for (let i = cheapest; i <= most; i++) {
    const expected = cost.at(i)
    if (expected > limit) continue
    const weighted = expected + failureWeight * (1 - (need.cumulative[i] as number)) * cost.failure
    if (weighted >= leastWeighted) continue
    leastWeighted = weighted
    chosen = i
  }
  return Math.exp(need.atoms[chosen] as number)
}

/** Of the first need that is not below the amount; of the last where all are. */
const indexOf = ({ atoms, size }: Distribution, amount: number): number =>
  firstFrom(atoms, size - 1, Math.log(amount) - rounding)
