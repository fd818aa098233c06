import type { EstimateQuery } from '../../../shared/domain/estimate.ts'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { ranOutOf } from '../../../shared/domain/shortage.ts'

/**
 * What a retry must exceed, by the class of the failure: memory only after out-of-memory, time only after timed-out,
 * nothing after a failure of the application's own or of the platform's.
 */
export function exceeded(
  { previousOutcome, previousAllocation }: Pick<EstimateQuery, 'previousOutcome' | 'previousAllocation'>,
  dimension: Dimension,
): number | undefined {
  const given = previousAllocation[dimension]
  if (previousOutcome === undefined || given === undefined || !(given > 0)) return undefined
  const failed = { outcome: previousOutcome, allocated: previousAllocation, used: {} }
  return ranOutOf(failed, dimension) ? given : undefined
}

/** Above the largest need seen, or beyond it: by more at each further attempt. */
export function nextRung(largest: number, failed: number, failures = 1): number {
  return largest > failed ? largest * 1.05 : failed * (1.3 + 0.3 * (failures - 1))
}
