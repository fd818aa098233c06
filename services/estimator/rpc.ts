import type { handleUnaryCall } from '@grpc/grpc-js'
import { atOnce } from '../../shared/domain/at-once.ts'
import { invalid } from '../../shared/domain/errors.ts'
import type { EstimateQuery, Notice } from '../../shared/domain/estimate.ts'
import type { Handlers } from '../../shared/rpc/handlers.ts'
import { inTurns, turn } from '../../shared/runtime/turns.ts'
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
import { type Answered, encodeBatch, type Rejection } from './estimate-bytes.ts'
import type { Estimator } from './estimator.ts'
import { withReason } from './reason-text.ts'

type EstimatorServer = Omit<EstimatorServiceServer, 'estimate' | 'estimateBatch'> & {
  readonly estimate: handleUnaryCall<EstimateRequest, Answered>
  readonly estimateBatch: handleUnaryCall<EstimateBatchRequest, Buffer>
}

type Results = (Answer | Rejection)[]

/** Answers of one batch that are encoded without a rest. */
const encodedAtOnce = 32

/** Queries of one batch for which profiles are fetched or learned at once: others have theirs in between. */
const maxWaitingOfBatch = 4

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

  /** Answers from memory come at once; a batch that has to wait for one, or takes long, lets others go on in between. */
  function results(queries: readonly WireQuery[]): Results | Promise<Results> {
    const found: (Answer | Rejection)[] = []
    for (const query of queries) {
      const answer = turn.isOver() ? turn.rest().then(() => result(query)) : result(query)
      if (answer instanceof Promise) return rest(queries, [...found, answer])
      found.push(answer)
    }
    return found
  }

  async function rest(
    queries: readonly WireQuery[],
    found: (Answer | Rejection | Promise<Answer | Rejection>)[],
  ): Promise<Results> {
    const waiting = new Set<Promise<unknown>>()
    function wait(answer: Promise<unknown>): void {
      // Whoever waits for all of them hears of a failure.
      const settled = answer.catch(() => undefined).finally(() => waiting.delete(settled))
      waiting.add(settled)
    }
    for (const answer of found) if (answer instanceof Promise) wait(answer)
    for (const query of queries.slice(found.length)) {
      if (waiting.size >= maxWaitingOfBatch) await Promise.race(waiting)
      if (turn.isOver()) await turn.rest()
      const answer = result(query)
      if (answer instanceof Promise) wait(answer)
      found.push(answer)
    }
    return Promise.all(found)
  }

  return {
    estimate: unary(({ query }) =>
      inItsTurn(() =>
        after(estimator.estimate(inspect((seen) => readQuery(query, 'query', seen))), (estimate) => ({
          estimate,
          ...estimator.age(),
        })),
      ),
    ),
    estimateBatch: unary(({ queries }: EstimateBatchRequest) => {
      if (queries.length < 1 || queries.length > limits.queries) {
        const description = `must have 1 to ${limits.queries} entries, has ${queries.length}`
        throw invalid([{ field: 'queries', description }])
      }
      return after(results(queries), (all) => {
        const steps = encodeBatch({ results: all, ...estimator.age() })
        return all.length <= encodedAtOnce ? atOnce(steps) : inTurns(steps)
      })
    }),
    confidence: unary(({ query, resources, withCurve }) =>
      inItsTurn(() => {
        const asked = inspect((seen) => ({
          query: readQuery(query, 'query', seen),
          resources: resources && readResources(resources, 'resources', seen),
        }))
        return after(estimator.confidence(asked.query, asked.resources, withCurve), (confidence) => {
          const { stalenessMs, stale } = estimator.age()
          return fromConfidence(withNotice(withReason(confidence), stale), stalenessMs)
        })
      }),
    ),
    getAccuracy: unary(async ({ task }) => {
      const accuracy = await estimator.accuracy(inspect((seen) => readTask(task, 'task', seen)))
      return { accuracy: accuracy.map(fromAccuracy), stalenessMs: estimator.age().stalenessMs }
    }),
  }
}

const withNotice = <T extends { readonly notices: readonly Notice[] }>(
  answer: T,
  more: Notice | undefined,
): T => (more === undefined ? answer : { ...answer, notices: [...answer.notices, more] })

/** An answer from memory stays synchronous: a promise for each would cost a quarter of it. */
function after<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** However many queries come at once, they do not all have one turn of the event loop. */
function inItsTurn<T>(action: () => T | Promise<T>): T | Promise<T> {
  return turn.isOver() ? turn.rest().then(action) : action()
}
