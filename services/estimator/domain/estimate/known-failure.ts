import { exhaustedBy } from '../../../../shared/domain/evidence.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { failedAmount } from '../allocation/retry.ts'
import { highestCensored } from '../history/censored-attempts.ts'
import type { Context } from './context.ts'

/**
 * What an attempt is known to have failed with, in one dimension: what the query tells, or else, for a retry that does
 * not tell, the most that killed attempts of the task had which have not come back. Undefined: nothing.
 */
export function knownFailure({ query, evidence }: Context, dimension: Dimension): number | undefined {
  const told = failedAmount(query, dimension)
  if (told !== undefined || query.attempt < 2 || shortfall[dimension] !== 'kill') return told
  const { previousOutcome } = query
  if (previousOutcome !== undefined && exhaustedBy(previousOutcome) !== dimension) return undefined
  return highestCensored(evidence.task?.model?.dimensions.get(dimension)?.censored ?? [])
}
