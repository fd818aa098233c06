import type { Point } from '../../services/estimator/domain/features/encoder.ts'
import type { Learner, Strategy, Surroundings } from '../../services/estimator/domain/strategies/strategy.ts'
import { pointAt } from './points.ts'

/** Neighbours with these distances and needs, the nearest first. */
export const neighboursAt = (...found: readonly (readonly [distance: number, need: number])[]) => ({
  count: found.length,
  distances: Float64Array.from(found, ([distance]) => distance),
  needs: Float64Array.from(found, ([, need]) => need),
})

/** Nothing is informative and nothing is near, unless said otherwise. */
export const surroundingsWith = (more: Partial<Surroundings> = {}): Surroundings => ({
  primaryColumn: () => undefined,
  neighbours: () => neighboursAt(),
  ...more,
})

/** A strategy's learner after executions. */
export function learnerAfter(
  strategy: Strategy,
  executions: readonly (readonly [point: Point, need: number])[],
  surroundings: Surroundings = surroundingsWith(),
): Learner {
  const learner = strategy.start(surroundings)
  for (const [point, need] of executions) learner.observe(point, need)
  return learner
}

/** What a strategy that looks at needs alone predicts after these. */
export function predictionAfter(strategy: Strategy, needs: readonly number[]): number | undefined {
  const nowhere = pointAt([])
  return learnerAfter(
    strategy,
    needs.map((need) => [nowhere, need] as const),
  ).predict(nowhere)
}
