import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import { dimensions } from '../../shared/domain/resources.ts'

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
