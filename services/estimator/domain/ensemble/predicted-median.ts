import { quantile } from '../distribution/distribution.ts'
import type { Point } from '../features/encoder.ts'
import { type DimensionModel, type Learning, neighboursIn, weightsFor } from './dimension-model.ts'
import { allStrategies, weighedPredictions } from './expert-weights.ts'
import { expectedDistribution } from './predictive-distribution.ts'

/** The median that is predicted of an execution's need, a logarithm; undefined where nothing is. */
export function predictedMedian(
  model: DimensionModel,
  point: Point,
  { guard, workspace }: Learning,
): number | undefined {
  if (model.largest === undefined) return undefined
  const weights = weightsFor(model, point, workspace)
  const neighbours = neighboursIn(model, workspace)
  const forecast = weighedPredictions(model, point, weights.isLocal, allStrategies, guard, neighbours)
  if (forecast.predictions.length === 0) return undefined
  return Math.log(quantile(expectedDistribution(forecast, model, weights, workspace).distribution, 0.5))
}
