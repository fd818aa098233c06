import type { Policy } from '../../../../shared/domain/policy.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { rawFor } from '../distribution/calibration.ts'
import { amountCovering, type PredictedNeed } from '../distribution/coverage.ts'
import { quantile } from '../distribution/distribution.ts'
import { withTail } from '../distribution/tail.ts'
import type { DistributionWorkspace } from '../distribution/workspace.ts'
import type { FailureCost } from './failure-cost.ts'
import { newsvendor } from './newsvendor.ts'
import { riskProfile } from './risk-profile.ts'

/**
 * The amount to give, before adjustments. With a target coverage the least amount that reaches it. Else the newsvendor's
 * where a shortfall kills, and a quantile where it does not: the median of the duration, some headroom for CPU.
 */
export function allocate(
  need: PredictedNeed,
  failureCost: FailureCost,
  policy: Policy,
  dimension: Dimension,
  workspace: DistributionWorkspace,
): number {
  if (policy.targetCoverage !== undefined) return amountCovering(need, policy.targetCoverage)
  const risk = riskProfile(policy)
  const { distribution, calibration, tail } = need
  if (shortfall[dimension] !== 'kill') {
    const q = shortfall[dimension] === 'throttle' ? risk.quantile : 2 * risk.quantile - 1
    return quantile(distribution, Math.max(0.02, q))
  }
  const seldom = 1 - risk.acceptableFailure
  const within = {
    from: quantile(distribution, risk.leastCoverage),
    to: quantile(distribution, calibration === undefined ? seldom : rawFor(calibration, seldom)),
  }
  // The tail of similar tasks lowers the confidence in an amount; it is no reason to give more than they ever used.
  const ownTail = failureCost.largest === undefined ? undefined : tail
  const priced = ownTail === undefined ? distribution : withTail(distribution, ownTail, workspace)
  return newsvendor(priced, failureCost, risk, within, workspace)
}
