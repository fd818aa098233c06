import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import { needEvidence } from '../../../../shared/domain/evidence.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'

/**
 * What a retry must exceed, by the class of the failure: memory only after out-of-memory, time only after timed-out,
 * nothing after a failure of the application's own or of the platform's. Undefined: nothing.
 */
export function failedAmount(
  { previousOutcome, previousAllocation }: Pick<EstimateQuery, 'previousOutcome' | 'previousAllocation'>,
  dimension: Dimension,
): number | undefined {
  if (previousOutcome === undefined) return undefined
  const evidence = needEvidence(
    { outcome: previousOutcome, allocated: previousAllocation, used: {} },
    dimension,
  )
  return evidence?.kind === 'censored' && evidence.above > 0 ? evidence.above : undefined
}

/** Factor above the largest need seen… */
const aboveLargest = 1.05
/** …and beyond it: one more step at each further failure. */
const firstStep = 1.3
const nextStep = 0.3

/** Above the largest need seen where that exceeds what failed; else beyond what failed, by more at each further failure. */
export function retryAmount(largest: number | undefined, failed: number, failures = 1): number {
  if (largest !== undefined && largest > failed) return largest * aboveLargest
  return failed * (firstStep + nextStep * (failures - 1))
}
