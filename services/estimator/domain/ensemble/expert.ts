import { type Residuals, residuals } from '../distribution/residuals.ts'
import { firstCapacity } from '../history/capacity.ts'
import { type Weighting, type WeightSums, weightSums } from '../history/sample-weights.ts'
import type { Learner } from '../strategies/strategy.ts'

/** One strategy under one weighting of the past: what competes in the ensemble. */
export interface Expert {
  readonly weighting: Weighting
  readonly isLocal: boolean
}

/** The four that each strategy competes as; a member's `scores` are in their order. */
export const experts = [
  { weighting: 'slow', isLocal: false },
  { weighting: 'fast', isLocal: false },
  { weighting: 'slowLocal', isLocal: true },
  { weighting: 'fastLocal', isLocal: true },
] as const satisfies readonly Expert[]

/** The first so many of them weigh no execution by its proximity. */
export const plainExperts = 2

/** One strategy in one dimension of one task: its learner, its residuals and the scores of its experts. */
export interface Member {
  readonly strategy: string
  readonly learner: Learner
  /** As `Strategy.countsAllAlike`. */
  readonly countsAllAlike: boolean
  /** As `Strategy.ignoresPoint`. */
  readonly ignoresPoint: boolean
  readonly residuals: Residuals
  /** Prequential log score of each of its experts: decayed sum of ln(density that it gave to what then happened). */
  readonly scores: Float64Array
  /** Over the executions that the strategy has predicted. */
  readonly weightSums: WeightSums
}

export const member = (
  strategy: string,
  learner: Learner,
  countsAllAlike = false,
  ignoresPoint = false,
  capacity = firstCapacity,
): Member => ({
  strategy,
  learner,
  countsAllAlike,
  ignoresPoint,
  residuals: residuals(capacity),
  scores: new Float64Array(experts.length),
  weightSums: weightSums(),
})
