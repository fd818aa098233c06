import type { Policy } from '../../../shared/domain/policy.ts'

/** How the risk knob turns into the two numbers that the headroom needs. Law: both grow with risk. */
export interface Appetite {
  /** Lowest acceptable value of the smoothed distribution function at the allocation. */
  readonly floor: number
  /** Factor on the price of a failure. */
  readonly price: number
}

export function appetiteOf({ risk }: Pick<Policy, 'risk'>): Appetite {
  const floor = risk <= 0.5 ? 0.05 + 0.5 * risk : 0.3 + 1.38 * (risk - 0.5)
  return { floor, price: 16 ** (2 * risk - 1) }
}

export const balanced: Appetite = appetiteOf({ risk: 0.5 })
