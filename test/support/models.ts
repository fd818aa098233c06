import {
  type DimensionModel,
  dimensionModel,
  type Learning,
  learnExecution,
  type Observation,
} from '../../services/estimator/domain/ensemble/dimension-model.ts'
import type { Strategy } from '../../services/estimator/domain/strategies/strategy.ts'
import type { Dimension } from '../../shared/domain/resources.ts'
import { pointAt } from './points.ts'
import { learningWith } from './queries.ts'

/** A strategy that always predicts the same. */
export const always = (value: number | undefined): Strategy => ({
  describe: `always ${value}`,
  start: () => ({ observe() {}, predict: () => value }),
})

/** A model of memory, unless said otherwise, after these executions: first attempts without features. */
export function modelAfter(
  observations: readonly (Partial<Observation> & Pick<Observation, 'need'>)[],
  learning: Partial<Learning>,
  dimension: Dimension = 'memoryBytes',
): DimensionModel {
  const all = learningWith(learning)
  const model = dimensionModel(dimension, all)
  for (const observation of observations)
    learnExecution(model, { point: pointAt([]), attempt: 1, ...observation }, all)
  return model
}
