import { type DimensionModel, knownPair, pairRecordsInSteps } from '../ensemble/dimension-model.ts'
import type { Point } from '../features/encoder.ts'
import type { BeyondRange } from '../history/range.ts'
import type { Context } from './context.ts'
import { counts, rangeOf, whereBeyond } from './where-beyond.ts'

/** A dimension whose range a query is beyond, and of whose growth nothing is recorded yet. */
interface Unrecorded {
  readonly model: DimensionModel
  readonly range: BeyondRange
}

/**
 * Makes the records of growth that an answer would have to make, in steps, so that it need not; undefined where it needs none. To
 * look costs what the answer then need not look for.
 */
export function growthAhead({
  evidence: { task },
  settings: { minExecutions },
  point,
  workspace,
}: Context): Generator<undefined, void> | undefined {
  const dimensions = task?.model?.dimensions
  if (dimensions === undefined || point === undefined) return undefined
  const unrecorded: Unrecorded[] = []
  for (const model of dimensions.values()) {
    if (model.executions.count < minExecutions) continue
    const range = rangeOf(model.executions, point, workspace)
    if (range === undefined || knownPair(model) !== undefined || model.column === undefined) continue
    if (range.features.some((one) => counts(model, one))) unrecorded.push({ model, range })
  }
  return unrecorded.length === 0 ? undefined : record(unrecorded, point)
}

function* record(unrecorded: readonly Unrecorded[], point: Point): Generator<undefined, void> {
  for (const { model, range } of unrecorded) {
    yield* pairRecordsInSteps(model)
    if (knownPair(model) !== undefined) whereBeyond(model, point, range)
    yield
  }
}
