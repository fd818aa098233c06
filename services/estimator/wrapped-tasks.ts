import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import {
  answerWithOverhead,
  confidenceWithOverhead,
  lessOverhead,
  queryLessOverhead,
} from './domain/estimate/overhead.ts'
import type { Estimator } from './estimator.ts'

/** Adds to each answer what wraps the task: what the query says of that, else `byDefault`. */
export function withWrappedTasks(estimator: Estimator, byDefault: Resources): Estimator {
  const usual = unlessNothing(byDefault)
  const overheadOf = ({ policy }: EstimateQuery) =>
    policy.overhead === undefined ? usual : unlessNothing(policy.overhead)
  return {
    ...estimator,
    estimate(query) {
      const overhead = overheadOf(query)
      if (overhead === undefined) return estimator.estimate(query)
      return after(estimator.estimate(queryLessOverhead(query, overhead)), (answer) =>
        answerWithOverhead(answer, overhead, query.policy.max),
      )
    },
    confidence(query, resources, withCurve) {
      const overhead = overheadOf(query)
      if (overhead === undefined) return estimator.confidence(query, resources, withCurve)
      const given = resources && lessOverhead(resources, overhead)
      return after(estimator.confidence(queryLessOverhead(query, overhead), given, withCurve), (answer) =>
        confidenceWithOverhead(answer, overhead),
      )
    },
  }
}

const unlessNothing = (overhead: Resources): Resources | undefined =>
  Object.values(overhead).some((amount) => amount !== undefined && amount > 0) ? overhead : undefined

function after<T>(value: T | Promise<T>, next: (value: T) => T): T | Promise<T> {
  return value instanceof Promise ? value.then(next) : next(value)
}
