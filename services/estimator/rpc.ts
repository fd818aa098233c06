import { ForesizeError, invalid } from '../../shared/domain/errors.ts'
import type { Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Handlers } from '../../shared/rpc/handlers.ts'
import { fromConfidence, fromEstimate, toQuery } from '../../shared/wire/estimate.ts'
import { readResources, readTask } from '../../shared/wire/fields.ts'
import type {
  EstimateResult,
  EstimatorServiceServer,
  Estimate as WireEstimate,
  EstimateQuery as WireQuery,
} from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { type Inspection, inspect } from '../../shared/wire/inspection.ts'
import { limits } from '../../shared/wire/limits.ts'
import { fromAccuracy } from '../../shared/wire/profile.ts'
import type { Estimator } from './estimator.ts'

/** Wire in, estimator, wire out. */
export function estimatorRpc(
  estimator: Estimator,
  strategies: readonly string[],
  { unary }: Handlers,
): EstimatorServiceServer {
  /** An estimate that is given again is not written anew: all but its age is the same. */
  const written = new WeakMap<Estimate, WireEstimate>()

  function toWire(estimate: Estimate): WireEstimate {
    const stalenessMs = estimator.stalenessMs()
    const before = written.get(estimate)
    if (before !== undefined) return { ...before, stalenessMs }
    const message = fromEstimate(estimate, stalenessMs)
    written.set(estimate, message)
    return message
  }

  function readQuery(message: WireQuery | undefined, path: string, seen: Inspection): EstimateQuery {
    const query = toQuery(message, path, seen)
    for (const [index, name] of (query.policy.strategies ?? []).entries()) {
      if (strategies.includes(name)) continue
      const field = `${path === '' ? '' : `${path}.`}policy.strategies[${index}]`
      seen.reject(field, `must be one of ${strategies.join(', ')}`)
    }
    return query
  }

  function result(query: WireQuery): EstimateResult | Promise<EstimateResult> {
    try {
      return after(estimator.estimate(inspect((seen) => readQuery(query, '', seen))), (estimate) => ({
        result: { $case: 'estimate', value: toWire(estimate) },
      }))
    } catch (error) {
      if (!(error instanceof ForesizeError) || error.failure !== 'invalid') throw error
      return { result: { $case: 'rejection', value: { violations: error.violations } } }
    }
  }

  return {
    estimate: unary(({ query }) =>
      after(estimator.estimate(inspect((seen) => readQuery(query, 'query', seen))), (estimate) => ({
        estimate: toWire(estimate),
      })),
    ),
    estimateBatch: unary(({ queries }) => {
      if (queries.length < 1 || queries.length > limits.queries) {
        const description = `must have 1 to ${limits.queries} entries, has ${queries.length}`
        throw invalid([{ field: 'queries', description }])
      }
      return after(all(queries.map(result)), (results) => ({ results }))
    }),
    confidence: unary(({ query, resources }) => {
      const asked = inspect((seen) => ({
        query: readQuery(query, 'query', seen),
        resources: resources && readResources(resources, 'resources', seen),
      }))
      return after(estimator.confidence(asked.query, asked.resources), (confidence) =>
        fromConfidence(confidence, estimator.stalenessMs()),
      )
    }),
    getAccuracy: unary(({ task }) =>
      after(estimator.accuracy(inspect((seen) => readTask(task, 'task', seen))), (accuracy) => ({
        accuracy: accuracy.map(fromAccuracy),
        stalenessMs: estimator.stalenessMs(),
      })),
    ),
  }
}

/** An answer from memory stays synchronous: a promise for each would cost a quarter of it. */
function after<A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function all<T>(values: readonly (T | Promise<T>)[]): T[] | Promise<T[]> {
  return values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as T[])
}
