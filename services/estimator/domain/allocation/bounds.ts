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
  const clamps: Clamp[] = []
  let value = amount
  const step = (kind: Clamp['kind'], after: number) => {
    if (after !== value) clamps.push({ kind, before: value, after })
    value = after
  }
  step('policy-min', Math.max(value, policy.min[dimension] ?? value))
  step('policy-max', Math.min(value, policy.max[dimension] ?? value))
  const least = Math.min(limits.min[dimension] ?? value, policy.max[dimension] ?? Number.POSITIVE_INFINITY)
  step('limit', Math.min(Math.max(value, least), limits.max[dimension] ?? value))
  return { amount: value, clamps }
}
