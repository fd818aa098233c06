import type { handleUnaryCall } from '@grpc/grpc-js'
import { invalid } from '../../shared/domain/errors.ts'
import type { EstimateQuery, Notice } from '../../shared/domain/estimate.ts'
import type { Handlers } from '../../shared/rpc/handlers.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { fromConfidence, toQuery } from '../../shared/wire/estimate.ts'
import { readResources, readTask } from '../../shared/wire/fields.ts'
import type {
  EstimateBatchRequest,
  EstimateRequest,
  EstimatorServiceServer,
  EstimateQuery as WireQuery,
} from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { type Inspection, inspect, inspection } from '../../shared/wire/inspection.ts'
import { limits } from '../../shared/wire/limits.ts'
import { fromAccuracy } from '../../shared/wire/profile.ts'
import type { Answer } from './domain/estimate/estimate.ts'
import type { Answered, BatchAnswered, Rejection } from './estimate-bytes.ts'
import type { Estimator } from './estimator.ts'
import { withReason } from './reason-text.ts'

type EstimatorServer = Omit<EstimatorServiceServer, 'estimate' | 'estimateBatch'> & {
  readonly estimate: handleUnaryCall<EstimateRequest, Answered>
  readonly estimateBatch: handleUnaryCall<EstimateBatchRequest, BatchAnswered>
}

type Results = (Answer | Rejection)[]

/** The methods of `estimatorDefinition`: wire in, estimator, wire out. */
export function estimatorRpc(
  estimator: Estimator,
  strategies: readonly string[],
  { unary }: Handlers,
): EstimatorServer {
  function readQuery(message: WireQuery | undefined, path: string, seen: Inspection): EstimateQuery {
    const query = toQuery(message, path, seen)
    for (const [index, name] of (query.policy.strategies ?? []).entries()) {
      if (strategies.includes(name)) continue
      const field = `${path === '' ? '' : `${path}.`}policy.strategies[${index}]`
      seen.reject(field, `must be one of ${strategies.join(', ')}`)
    }
    return query
  }

  function result(message: WireQuery): Answer | Promise<Answer> | Rejection {
    const seen = inspection()
    const query = readQuery(message, '', seen)
    return seen.violations.length === 0 ? estimator.estimate(query) : { violations: seen.violations }
  }

  /** Answers from memory come at once; a batch that has to learn tasks anew lets others go on in between. */
  function results(queries: readonly WireQuery[]): Results | Promise<Results> {
    const found: (Answer | Promise<Answer> | Rejection)[] = []
    for (const query of queries) {
      if (turn.isOver()) return rest(queries, found)
      found.push(result(query))
    }
    return all(found)
  }

  async function rest(
    queries: readonly WireQuery[],
    found: (Answer | Promise<Answer> | Rejection)[],
  ): Promise<Results> {
    for (const query of queries.slice(found.length)) {
      if (turn.isOver()) await turn.rest()
      const answer = result(query)
      // Whoever waits for all of them hears of it; until then it is nobody's.
      if (answer instanceof Promise) answer.catch(() => undefined)
      found.push(answer)
    }
    return all(found)
  }

  return {
    estimate: unary(({ query }) =>
      after(estimator.estimate(inspect((seen) => readQuery(query, 'query', seen))), (estimate) => ({
        estimate,
        ...estimator.age(),
      })),
    ),
    estimateBatch: unary(({ queries }) => {
      if (queries.length < 1 || queries.length > limits.queries) {
        const description = `must have 1 to ${limits.queries} entries, has ${queries.length}`
        throw invalid([{ field: 'queries', description }])
      }
      return after(results(queries), (all) => ({ results: all, ...estimator.age() }))
    }),
    confidence: unary(({ query, resources }) => {
      const asked = inspect((seen) => ({
        query: readQuery(query, 'query', seen),
        resources: resources && readResources(resources, 'resources', seen),
      }))
      return after(estimator.confidence(asked.query, asked.resources), (confidence) => {
        const { stalenessMs, stale } = estimator.age()
        return fromConfidence(withNotice(withReason(confidence), stale), stalenessMs)
      })
    }),
    getAccuracy: unary(({ task }) =>
      after(estimator.accuracy(inspect((seen) => readTask(task, 'task', seen))), (accuracy) => ({
        accuracy: accuracy.map(fromAccuracy),
        stalenessMs: estimator.age().stalenessMs,
      })),
    ),
  }
}

const withNotice = <T extends { readonly notices: readonly Notice[] }>(
  answer: T,
  more: Notice | undefined,
): T => (more === undefined ? answer : { ...answer, notices: [...answer.notices, more] })

/** An answer from memory stays synchronous: a promise for each would cost a quarter of it. */
function after<A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function all<T>(values: readonly (T | Promise<T>)[]): T[] | Promise<T[]> {
  return values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as T[])
}
