import type { EstimateQuery } from '../../../shared/domain/estimate.ts'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { shortfall } from './dimension-model.ts'

/**
 * What a retry must exceed, by the class of the failure: memory only after out-of-memory, time only after timed-out,
 * nothing after a failure of the application's own or of the platform's.
 */
export function exceeded(
  { previousOutcome, previousAllocation }: Pick<EstimateQuery, 'previousOutcome' | 'previousAllocation'>,
  dimension: Dimension,
): number | undefined {
  const given = previousAllocation[dimension]
  if (given === undefined || !(given > 0)) return undefined
  if (previousOutcome === 'timed-out') return dimension === 'durationMs' ? given : undefined
  if (previousOutcome !== 'out-of-memory' || shortfall[dimension] !== 'kill') return undefined
  return dimension === 'memoryBytes' ? given : undefined
}
