import type { Policy } from '../../../../shared/domain/policy.ts'

/** What the risk knob turns into. Law: all but `acceptableFailure` grow with risk, which is how dear a failure is. */
export interface RiskProfile {
  /** Lowest acceptable value of the distribution function at the allocation. */
  readonly leastCoverage: number
  /** Factor on the cost of a failure. */
  readonly failureFactor: number
  /** Share of the least expected cost that may be given on top to fail less often… */
  readonly costTolerance: number
  /** …than with this probability. */
  readonly acceptableFailure: number
  /** Where a shortfall costs nothing that could be weighed: the quantile to give. */
  readonly quantile: number
}

export function riskProfile({ risk }: Pick<Policy, 'risk'>): RiskProfile {
  const leastCoverage = risk <= 0.5 ? 0.05 + 0.5 * risk : 0.3 + 1.38 * (risk - 0.5)
  const quantile = risk <= 0.5 ? 0.5 + 0.5 * risk : 0.75 + 0.48 * (risk - 0.5)
  return {
    leastCoverage,
    failureFactor: 16 ** (2 * risk - 1),
    costTolerance: 0.25 * risk,
    acceptableFailure: 0.08 * (1 - risk),
    quantile,
  }
}

export const balanced: RiskProfile = riskProfile({ risk: 0.5 })
