import { type Atoms, atoms, type MergingWorkspace, mergingWorkspace } from './atoms.ts'
import { type GrowthWorkspace, growthWorkspace } from './growth.ts'
import { type JoiningWorkspace, joiningWorkspace } from './joined-residuals.ts'

/** Scratch space that distributions are made in, so that the next one needs no new arrays. Each grows as needed. */
export interface DistributionWorkspace {
  /** Of a mixture: residuals joined, its atoms run by run, and all in order. */
  readonly joined: JoiningWorkspace
  held: Atoms
  merged: Atoms
  readonly merging: MergingWorkspace
  /** Of the distribution with its tail. */
  tail: Atoms
  /** Of the needs that amounts are priced at. */
  needs: Float64Array
  /** Of what has grown beyond the range, and of what may have stopped growing. */
  readonly growth: GrowthWorkspace
  readonly stopping: GrowthWorkspace
}

export const distributionWorkspace = (): DistributionWorkspace => ({
  joined: joiningWorkspace(),
  held: atoms(0),
  merged: atoms(0),
  merging: mergingWorkspace(),
  tail: atoms(0),
  needs: new Float64Array(0),
  growth: growthWorkspace(),
  stopping: growthWorkspace(),
})
