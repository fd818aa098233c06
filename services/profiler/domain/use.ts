import { ranOutOf } from '../../../shared/domain/evidence.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'

/** An amount held for runs against their use. Sums over executions, by weight; amounts in the dimension's unit times milliseconds. */
export interface HeldAmount {
  readonly executions: number
  readonly amount: number
  readonly used: number
  readonly wasted: number
}

/** By what the executions were given, and by what they asked for. */
export interface Use {
  readonly allocated: HeldAmount | undefined
  readonly requested: HeldAmount | undefined
}

/** Undefined where no execution says anything of it, or nothing is held of it at all. */
export function useOf(executions: readonly ExecutionRecord[], dimension: Dimension): Use | undefined {
  if (shortfall[dimension] === 'none') return undefined
  const allocated = heldAmount(executions, 'allocated', dimension)
  const requested = heldAmount(executions, 'requested', dimension)
  return allocated === undefined && requested === undefined ? undefined : { allocated, requested }
}

type Held = 'allocated' | 'requested'

function heldAmount(
  executions: readonly ExecutionRecord[],
  held: Held,
  dimension: Dimension,
): HeldAmount | undefined {
  const sums = { executions: 0, amount: 0, used: 0, wasted: 0 }
  for (const execution of executions) {
    const amount = execution[held][dimension]
    const use = execution.used[dimension]
    const { durationMs } = execution.used
    if (amount === undefined || use === undefined || durationMs === undefined) continue
    const runTimeMs = durationMs * execution.weight
    sums.executions += execution.weight
    sums.amount += amount * runTimeMs
    sums.used += use * runTimeMs
    sums.wasted +=
      (isKnownTooLittle(execution, amount, dimension) ? amount : Math.max(0, amount - use)) * runTimeMs
  }
  return sums.executions === 0 ? undefined : sums
}

/** The run was killed for want of it, and had no less. */
function isKnownTooLittle(execution: ExecutionRecord, amount: number, dimension: Dimension): boolean {
  if (!ranOutOf(execution, dimension)) return false
  return amount <= Math.max(execution.allocated[dimension] ?? 0, execution.used[dimension] ?? 0)
}

/** Weighted median of what executions were given or asked for; undefined where none says so. */
export function medianHeld(
  executions: readonly ExecutionRecord[],
  held: Held,
  dimension: Dimension,
): number | undefined {
  const amounts: { readonly amount: number; readonly weight: number }[] = []
  for (const execution of executions) {
    const amount = execution[held][dimension]
    if (amount !== undefined) amounts.push({ amount, weight: execution.weight })
  }
  amounts.sort((a, b) => a.amount - b.amount)
  let left = amounts.reduce((sum, { weight }) => sum + weight, 0) / 2
  for (const { amount, weight } of amounts) {
    left -= weight
    if (left <= 0) return amount
  }
  return undefined
}
