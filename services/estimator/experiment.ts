import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Answer } from './domain/estimate/estimate.ts'
import { drawVariant, type Experiment, underVariant } from './domain/estimate/variants.ts'
import type { Estimator } from './estimator.ts'

/** Answers each query as its arm of the experiment does, and says which that was. */
export function experimenting(estimator: Estimator, experiment: Experiment): Estimator {
  if (experiment.variants.length === 0) return estimator
  const variantByExecution = experiment.by === 'execution'

  function drawn(query: EstimateQuery): { readonly query: EstimateQuery; readonly variant?: string } {
    const variant = drawVariant(experiment, query)
    return variant === undefined ? { query } : { query: underVariant(query, variant), variant: variant.name }
  }

  return {
    ...estimator,
    estimate(asked) {
      const { query, variant } = drawn(asked)
      const named = (answer: Answer): Answer => ({ ...answer, variant, variantByExecution })
      const answer = estimator.estimate(query)
      return answer instanceof Promise ? answer.then(named) : named(answer)
    },
    confidence: (asked, resources, withCurve) =>
      estimator.confidence(drawn(asked).query, resources, withCurve),
  }
}
