import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import { taskId } from '../../../../shared/domain/task.ts'

/** One arm of an A/B test: what it answers differently. */
export interface Variant {
  readonly name: string
  /** Of the executions or the tasks, 0 to 1. */
  readonly share: number
  /** Laid over the server's policy; what a query sets itself wins over both. */
  readonly policy: Partial<Policy>
}

/** What the shares leave over is answered by the server's own policy, without a variant. */
export interface Experiment {
  readonly variants: readonly Variant[]
  /** `execution`: each execution draws anew. `task`: all executions of a task draw the same. */
  readonly by: 'execution' | 'task'
}

/**
 * The arm that a query belongs to.
 * Law: the same for the same execution (or task) whoever asks, and how often; as often as the shares say over many. A
 * share that grows takes from what is left over, or from the variants after it. By execution, a query that names none
 * draws none.
 */
export function drawVariant(
  { variants, by }: Experiment,
  { task, executionId }: Pick<EstimateQuery, 'task' | 'executionId'>,
): Variant | undefined {
  if (by === 'execution' && executionId === undefined) return undefined
  const drawn = unitOf(by === 'task' ? taskId(task) : `${taskId(task)}\0${executionId}`)
  let upTo = 0
  for (const variant of variants) {
    upTo += variant.share
    if (drawn < upTo) return variant
  }
  return undefined
}

/** The query as its arm answers it. */
export function underVariant(query: EstimateQuery, variant: Variant): EstimateQuery {
  return { ...query, policy: { ...variant.policy, ...query.policy } }
}

/**
 * From 0 up to 1, evenly spread over texts.
 * Source: FNV-1a (Fowler, Noll & Vo) for mixing in, the finaliser of MurmurHash3 (Appleby) for spreading out.
 */
function unitOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
