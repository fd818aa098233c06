import type { Clamp } from '../../../../shared/domain/estimate.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import type { Dimension, Resources } from '../../../../shared/domain/resources.ts'

/** The range that the estimator answers within; only a policy's explicit maximum may lie below. */
export interface Limits {
  readonly min: Resources
  readonly max: Resources
}

/**
 * Puts an amount within the policy's bounds, then within the limits, and records each step that changed it.
 * Law: monotone in the amount; the result is never above the policy's maximum nor the upper limit, and below the lower
 * limit only where the policy's maximum is.
 */
export function bounded(
  amount: number,
  dimension: Dimension,
  policy: Pick<Policy, 'min' | 'max'>,
  limits: Limits,
): { readonly amount: number; readonly clamps: readonly Clamp[] } {
  const raised = Math.max(amount, policy.min[dimension] ?? amount)
  const lowered = Math.min(raised, policy.max[dimension] ?? raised)
  const least = Math.min(limits.min[dimension] ?? lowered, policy.max[dimension] ?? Number.POSITIVE_INFINITY)
  const limited = Math.min(Math.max(lowered, least), limits.max[dimension] ?? lowered)
  if (raised === amount && lowered === amount && limited === amount) return { amount, clamps: [] }
  const clamps: readonly Clamp[] = [
    { kind: 'policy-min', before: amount, after: raised },
    { kind: 'policy-max', before: raised, after: lowered },
    { kind: 'limit', before: lowered, after: limited },
  ]
  return { amount: limited, clamps: clamps.filter(({ before, after }) => before !== after) }
}
