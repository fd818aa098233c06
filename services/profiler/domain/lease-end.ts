import type { Changes, OpenExecution } from './session.ts'

/**
 * When the first lease of open executions runs out, Unix milliseconds; infinite where none is open.
 * Law: never later than it does, and that very time where no execution has changed since all were looked at.
 */
export interface FirstLeaseEnd {
  readonly unixMs: number
  /** Executions that have changed since all were looked at. */
  readonly changed: number
}

/** Looks at all that are open. */
export function firstLeaseEnd(open: ReadonlyMap<string, OpenExecution>): FirstLeaseEnd {
  let unixMs = Number.POSITIVE_INFINITY
  for (const execution of open.values()) unixMs = Math.min(unixMs, leaseEnd(execution))
  return { unixMs, changed: 0 }
}

/**
 * The same after changes. Looks at all that are open once as many have changed: a change costs the same however many
 * there are.
 */
export function firstLeaseEndAfter(
  before: FirstLeaseEnd,
  changes: Changes,
  open: ReadonlyMap<string, OpenExecution>,
): FirstLeaseEnd {
  const changed = before.changed + changes.size
  if (changed >= open.size) return firstLeaseEnd(open)
  let { unixMs } = before
  for (const { after } of changes.values()) if (after) unixMs = Math.min(unixMs, leaseEnd(after))
  return { unixMs, changed }
}

const leaseEnd = ({ lastSeenUnixMs, leaseMs }: OpenExecution) => lastSeenUnixMs + leaseMs
