import { type DistributionWorkspace, distributionWorkspace } from '../distribution/workspace.ts'
import { type NeighbourSearch, neighbourSearch } from '../history/nearest-neighbours.ts'
import type { AskedRange } from '../history/range.ts'
import {
  type ByWeighting,
  type SampleWeights,
  type WeighingWorkspace,
  weighingWorkspace,
} from '../history/sample-weights.ts'
import { type EffectiveSample, effectiveSamples } from './effective-sample.ts'
import { type Evaluations, type ExpertPriors, evaluations, expertPriors } from './predictive-density.ts'

/**
 * Scratch space of an estimator, used by one call at a time: whatever was made in it is valid until the next call that it
 * is given to. Nothing in it outlives an answer.
 */
export interface Workspace {
  readonly weighing: WeighingWorkspace
  /** The weights made last. */
  weights: SampleWeights | undefined
  /** Where a query was beyond a range, as asked last: dimensions of the same executions ask the same. */
  beyond: AskedRange | undefined
  readonly neighbours: NeighbourSearch
  readonly samples: ByWeighting<EffectiveSample>
  /** What strategies predict. */
  readonly values: number[]
  readonly priors: ExpertPriors
  readonly evaluations: Evaluations
  readonly distribution: DistributionWorkspace
}

export const createWorkspace = (): Workspace => ({
  weighing: weighingWorkspace(),
  weights: undefined,
  beyond: undefined,
  neighbours: neighbourSearch(),
  samples: effectiveSamples(),
  values: [],
  priors: expertPriors(),
  evaluations: evaluations(),
  distribution: distributionWorkspace(),
})
