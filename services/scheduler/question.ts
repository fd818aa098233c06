import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import { dimensions } from '../../shared/domain/resources.ts'
import { fromQuery } from '../../shared/wire/estimate.ts'
import { EstimateQuery as WireQuery } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'

/** The same question has the same key: everything in it but the execution it is for. */
export function keyOf(query: EstimateQuery): string {
  let key = `${query.task.namespace}\n${query.task.task}`
  for (const name in query.features) key += `\n${name}=${query.features[name]}`
  for (const name in query.labels) key += `\n${name}:${query.labels[name]}`
  key += `\n${resourcesKey(query.requested)}`
  if (query.attempt > 1) {
    key += `\n${query.attempt} ${query.previousOutcome} ${resourcesKey(query.previousAllocation)}`
  }
  const { policy } = query
  for (const _ in policy) return `${key}\n${JSON.stringify(policy)}`
  return key
}

function resourcesKey(resources: EstimateQuery['requested']): string {
  let key = ''
  for (const dimension of dimensions) key += `${resources[dimension] ?? ''},`
  return key
}

/** One query that cannot be sent must not take others with it, nor count against the estimator. */
export function encoded(
  query: EstimateQuery,
): { readonly query: WireQuery; readonly bytes: number } | { readonly reason: string } {
  try {
    const wire = fromQuery(query)
    return { query: wire, bytes: WireQuery.encode(wire).finish().length }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}
