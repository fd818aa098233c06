import type { Policy } from '../../../shared/domain/policy.ts'

/** What the risk knob turns into. Law: all but `acceptable` grow with risk. */
export interface Appetite {
  /** Lowest acceptable value of the smoothed distribution function at the allocation. */
  readonly floor: number
  /** Factor on the price of a failure. */
  readonly price: number
  /** Share of the least expected cost that may be given on top to fail less often… */
  readonly tolerance: number
  /** …than with this probability. Shrinks with risk. */
  readonly acceptable: number
  /** Where a shortfall costs nothing that could be weighed: the quantile to give. */
  readonly quantile: number
}

export function appetiteOf({ risk }: Pick<Policy, 'risk'>): Appetite {
  const floor = risk <= 0.5 ? 0.05 + 0.5 * risk : 0.3 + 1.38 * (risk - 0.5)
  const quantile = risk <= 0.5 ? 0.5 + 0.5 * risk : 0.75 + 0.48 * (risk - 0.5)
  return {
    floor,
    price: 16 ** (2 * risk - 1),
    tolerance: 0.25 * risk,
    acceptable: 0.08 * (1 - risk),
    quantile,
  }
}

export const balanced: Appetite = appetiteOf({ risk: 0.5 })
