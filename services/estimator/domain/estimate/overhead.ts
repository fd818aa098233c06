import type { DimensionEstimate, EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import {
  type Dimension,
  dimensions,
  type Resources,
  resourceLimits,
} from '../../../../shared/domain/resources.ts'
import type { ConfidenceAnswer } from './confidence.ts'
import type { Answer } from './estimate.ts'

/**
 * What wraps a task under the same limit, and is no part of what is learned: questions are put to the estimator without
 * it, in amounts of the task alone, and answers given with it, in amounts of the limit.
 */

/** No amount falls below it: an amount of nothing would be no amount. */
const least = 1

/** Without what wraps the task. */
export function lessOverhead(resources: Resources, overhead: Resources): Resources {
  return shifted(resources, overhead, -1)
}

export function queryLessOverhead(query: EstimateQuery, overhead: Resources): EstimateQuery {
  const bound = (name: 'min' | 'max'): Partial<Policy> => {
    const resources = query.policy[name]
    return resources === undefined ? {} : { [name]: lessOverhead(resources, overhead) }
  }
  return {
    ...query,
    requested: lessOverhead(query.requested, overhead),
    previousAllocation: lessOverhead(query.previousAllocation, overhead),
    policy: { ...query.policy, ...bound('min'), ...bound('max') },
  }
}

/** @param max what the query allows. An overhead that leaves nothing of it is cut off with the rest. */
export function answerWithOverhead(answer: Answer, overhead: Resources, max: Resources = {}): Answer {
  return {
    ...answer,
    resources: bounded(shifted(answer.resources, overhead, 1), max),
    dimensions: answer.dimensions.map((each) => {
      const wrapped = dimensionWithOverhead(each, overhead[each.dimension])
      return { ...wrapped, allocation: boundedAmount(each.dimension, wrapped.allocation, max) }
    }),
    reasons: [...answer.reasons, { kind: 'overhead', overhead }],
  }
}

export function confidenceWithOverhead(answer: ConfidenceAnswer, overhead: Resources): ConfidenceAnswer {
  return {
    ...answer,
    dimensions: answer.dimensions.map((each) => {
      const wrap = overhead[each.dimension] ?? 0
      const curve = each.curve.map(({ amount, confidence }) => ({ amount: amount + wrap, confidence }))
      return { ...each, allocation: each.allocation + wrap, curve }
    }),
    reasons: [...answer.reasons, { kind: 'overhead', overhead }],
  }
}

/** What the strategies predict is of the task alone. */
function dimensionWithOverhead(estimate: DimensionEstimate, overhead: number | undefined): DimensionEstimate {
  if (overhead === undefined) return estimate
  const { allocation, expected, lower, upper } = estimate
  return {
    ...estimate,
    allocation: allocation + overhead,
    expected: expected + overhead,
    lower: lower + overhead,
    upper: upper + overhead,
    overhead,
  }
}

function bounded(resources: Resources, max: Resources): Resources {
  const result: { [D in Dimension]?: number | undefined } = {}
  for (const dimension of dimensions) {
    const amount = resources[dimension]
    if (amount !== undefined) result[dimension] = boundedAmount(dimension, amount, max)
  }
  return result
}

const boundedAmount = (dimension: Dimension, amount: number, max: Resources): number =>
  Math.min(amount, max[dimension] ?? resourceLimits[dimension], resourceLimits[dimension])

function shifted(resources: Resources, overhead: Resources, sign: 1 | -1): Resources {
  const result: { [D in Dimension]?: number | undefined } = { ...resources }
  for (const dimension of dimensions) {
    const [amount, wrap] = [resources[dimension], overhead[dimension]]
    if (amount !== undefined && wrap !== undefined) result[dimension] = Math.max(least, amount + sign * wrap)
  }
  return result
}
