import { type Residuals, residuals } from '../distribution/residuals.ts'
import { type Weighting, type WeightSums, weightSums } from '../history/sample-weights.ts'
import type { Learner } from '../strategies/strategy.ts'

/** One strategy under one weighting of the past: what competes in the ensemble. */
export interface Expert {
  readonly weighting: Weighting
  readonly isLocal: boolean
  readonly forgetsFast: boolean
  /** Prequential log score: decayed sum of ln(density that it gave to what then happened). */
  logScore: number
}

/** One strategy in one dimension of one task: its learner, its residuals and its experts. */
export interface Member {
  readonly strategy: string
  readonly learner: Learner
  /** As `Strategy.countsAllAlike`. */
  readonly countsAllAlike: boolean
  /** As `Strategy.ignoresPoint`. */
  readonly ignoresPoint: boolean
  readonly residuals: Residuals
  readonly experts: readonly [slow: Expert, fast: Expert, slowLocal: Expert, fastLocal: Expert]
  /** Over the executions that the strategy has predicted. */
  readonly weightSums: WeightSums
}

export const member = (
  strategy: string,
  learner: Learner,
  countsAllAlike = false,
  ignoresPoint = false,
): Member => ({
  strategy,
  learner,
  countsAllAlike,
  ignoresPoint,
  residuals: residuals(),
  experts: [
    { weighting: 'slow', isLocal: false, forgetsFast: false, logScore: 0 },
    { weighting: 'fast', isLocal: false, forgetsFast: true, logScore: 0 },
    { weighting: 'slowLocal', isLocal: true, forgetsFast: false, logScore: 0 },
    { weighting: 'fastLocal', isLocal: true, forgetsFast: true, logScore: 0 },
  ],
  weightSums: weightSums(),
})
