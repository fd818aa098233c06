import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import { type Dimension, dimensions, type Resources } from '../../../shared/domain/resources.ts'
import { ranOutOf } from '../../../shared/domain/shortage.ts'
import { noteBound } from './bounds-below.ts'
import {
  type DimensionModel,
  dimensionModel,
  extendDimension,
  type Guard,
  unguarded,
} from './dimension-model.ts'
import { type Encoder, encoder } from './encoding.ts'
import type { Registry } from './strategy.ts'

/**
 * Everything learned of one task, over all dimensions.
 * Law: `fitTask(executions)` equals `extendTask` over them one by one, bit for bit; nothing else enters.
 * A model grows in place: whoever needs the older one fits it again.
 */
export interface TaskModel {
  readonly registry: Registry
  readonly encoder: Encoder
  readonly dimensions: Map<Dimension, DimensionModel>
}

/** Below these a need is noise; they keep logarithms finite. */
const leastNeed = {
  cpuCores: 1e-3,
  memoryBytes: 1,
  diskBytes: 1,
  gpuMemoryBytes: 1,
  durationMs: 1,
} as const satisfies Record<Dimension, number>
const mostNeed = 1e18

export function fitTask(
  executions: readonly ExecutionRecord[],
  registry: Registry,
  guard: Guard = unguarded,
): TaskModel {
  const model: TaskModel = { registry, encoder: encoder(), dimensions: new Map() }
  for (const e of executions) extendTask(model, e, guard)
  return model
}

/** Takes one more execution in, in place, and answers the same model. */
export function extendTask(
  model: TaskModel,
  execution: ExecutionRecord,
  guard: Guard = unguarded,
): TaskModel {
  const point = model.encoder.encode(execution.features, execution.labels, true)
  for (const d of dimensions) {
    const used = execution.used[d]
    const truth = observed(execution, d)
    if (truth === 'nothing') continue
    let m = model.dimensions.get(d)
    if (!m) {
      m = dimensionModel(d, model.registry, guard)
      model.dimensions.set(d, m)
    }
    if (truth === 'censored') {
      const bound = execution.allocated[d] ?? used
      if (bound !== undefined && bound > 0 && Number.isFinite(bound)) noteBound(m.exceeded, bound)
    } else if (used !== undefined) {
      const need = Math.min(mostNeed, Math.max(leastNeed[d], used))
      const runtimeMs = runtime(execution.used)
      extendDimension(m, { point, need, runtimeMs, attempt: execution.attempt }, guard)
    }
  }
  return model
}

const runtime = (used: Resources): number | undefined =>
  used.durationMs !== undefined && used.durationMs >= 0 && Number.isFinite(used.durationMs)
    ? used.durationMs
    : undefined

/** What an execution says about its need in one dimension. A truncated peak is never the need. */
export function observed(e: ExecutionRecord, d: Dimension): 'need' | 'censored' | 'nothing' {
  const used = e.used[d]
  if (e.outcome !== 'succeeded') return ranOutOf(e, d) ? 'censored' : 'nothing'
  return used !== undefined && Number.isFinite(used) && used >= 0 ? 'need' : 'nothing'
}
