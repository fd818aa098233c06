import type { ExecutionRecord } from './execution.ts'
import type { Dimension } from './resources.ts'
import { shortfall } from './shortfall.ts'

/** A use from this share of what was given had met its limit. */
const limitMet = 0.98

/**
 * Whether an attempt was cut short for want of a dimension, so that its need there is above what was given.
 * Out of memory is memory's fault, and that of disk or GPU memory where their use had met its limit; a time-out is
 * time's. Nothing else says what was short.
 */
export function ranOutOf(
  { outcome, allocated, used }: Pick<ExecutionRecord, 'outcome' | 'allocated' | 'used'>,
  dimension: Dimension,
): boolean {
  if (outcome === 'timed-out') return dimension === 'durationMs'
  if (outcome !== 'out-of-memory' || shortfall[dimension] !== 'kill') return false
  if (dimension === 'memoryBytes') return true
  const given = allocated[dimension]
  const most = used[dimension]
  return given !== undefined && most !== undefined && most >= limitMet * given
}
