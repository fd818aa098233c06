import type { Resources } from './resources.ts'

/** How to choose an allocation. */
export interface Policy {
  /** 0 economical, 0.5 balanced, 1 safe. */
  readonly risk: number
  /** Probability with which the allocation shall suffice, in (0, 1). Where set it decides instead of `risk`. */
  readonly targetCoverage?: number | undefined
  /** Only these strategies; none means all, as an ensemble. */
  readonly strategies: readonly string[]
  /** The answer is not below. */
  readonly min: Resources
  /** The answer is not above. */
  readonly max: Resources
  /** What wraps the task under the same limit and is not measured with it: added to what was learned. */
  readonly overhead?: Resources | undefined
}
