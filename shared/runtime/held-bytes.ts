import { ForesizeError } from '../domain/errors.ts'

export interface HeldBytesSettings {
  /** In this process, for everybody. */
  readonly maxHeldBytes: number
  /** Of them for one peer or one tenant, 0 to 1. */
  readonly maxHeldShare: number
}

/** Whose bytes they are: `peer 10.1.2.3`, `tenant team-a`. */
export type Holder = `peer ${string}` | `tenant ${string}`

/**
 * Memory that this process holds for others, whatever for: one total and a share of it for each holder.
 * Law: what was added is given back once.
 */
export interface HeldBytes {
  /** Throws: ForesizeError `overloaded`, naming the budget, where there is no room for so many more. */
  require(holders: readonly Holder[], bytes: number): void
  /** Also where there is no room: for what has been taken already. Negative gives back. */
  add(holders: readonly Holder[], bytes: number): void
  held(): number
}

export function heldBytes({ maxHeldBytes, maxHeldShare }: HeldBytesSettings): HeldBytes {
  const byHolder = new Map<Holder, number>()
  const maxOfHolder = maxHeldBytes * maxHeldShare
  let total = 0

  return {
    require(holders, bytes) {
      for (const holder of holders) {
        if ((byHolder.get(holder) ?? 0) + bytes <= maxOfHolder) continue
        throw new ForesizeError(
          'overloaded',
          `the budget of bytes held for ${holder} is used up (max_held_share of max_held_bytes, ${maxOfHolder})`,
        )
      }
      if (total + bytes <= maxHeldBytes) return
      throw new ForesizeError(
        'overloaded',
        `the budget of bytes held in this process is used up (max_held_bytes, ${maxHeldBytes})`,
      )
    },
    add(holders, bytes) {
      total += bytes
      for (const holder of holders) {
        const held = (byHolder.get(holder) ?? 0) + bytes
        if (held === 0) byHolder.delete(holder)
        else byHolder.set(holder, held)
      }
    },
    held: () => total,
  }
}
