import { clamp } from '../../../../shared/domain/clamp.ts'
import { needEvidence } from '../../../../shared/domain/evidence.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import { type Dimension, dimensions, type Resources } from '../../../../shared/domain/resources.ts'
import { type Encoder, encoder } from '../features/encoder.ts'
import { addCensored } from '../history/censored-attempts.ts'
import { type ExecutionSet, withOneMore } from '../history/observed-executions.ts'
import { type DimensionModel, dimensionModel, type Learning, learnExecution } from './dimension-model.ts'
import { predictedMedian } from './predicted-median.ts'

/**
 * Everything learned of one task, over all dimensions.
 * Law: `fitTask(executions)` equals `extendTask` over them one by one, bit for bit; nothing else enters.
 * A model grows in place: whoever needs the older one fits it again.
 */
export interface TaskModel {
  readonly encoder: Encoder
  readonly dimensions: Map<Dimension, DimensionModel>
  /** How many executions will be learned, as far as is known: there is room for them at once. */
  readonly expected: number
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
  learning: Learning,
  expected = executions.length,
): TaskModel {
  const model: TaskModel = { encoder: encoder(), dimensions: new Map(), expected }
  for (const execution of executions) extendTask(model, execution, learning)
  return model
}

/** Learns one more execution, in place, and returns the same model. */
export function extendTask(model: TaskModel, execution: ExecutionRecord, learning: Learning): TaskModel {
  const point = model.encoder.encode(execution.features, execution.labels, true)
  const { attempt, used } = execution
  let before: ExecutionSet | undefined
  let set: ExecutionSet | undefined
  for (const dimension of dimensions) {
    const evidence = needEvidence(execution, dimension)
    if (evidence?.kind === 'exact') {
      const need = clamp(evidence.need, leastNeed[dimension], mostNeed)
      const learned = modelOf(model, dimension, learning)
      if (set === undefined || before !== learned.executions.set) {
        before = learned.executions.set
        set = withOneMore(before)
      }
      learnExecution(learned, { point, need, runtimeMs: runtimeOf(used), attempt, set }, learning)
    } else if (evidence?.kind === 'censored') {
      const { above } = evidence
      const learned = modelOf(model, dimension, learning)
      if (!(above > 0 && Number.isFinite(above))) continue
      addCensored(learned.censored, above, attempt, predictedMedian(learned, point, learning))
    }
  }
  return model
}

function modelOf(
  { dimensions: models, expected }: TaskModel,
  dimension: Dimension,
  learning: Learning,
): DimensionModel {
  const known = models.get(dimension)
  if (known !== undefined) return known
  const model = dimensionModel(dimension, learning, expected)
  models.set(dimension, model)
  return model
}

const runtimeOf = ({ durationMs }: Resources): number | undefined =>
  durationMs !== undefined && durationMs >= 0 && Number.isFinite(durationMs) ? durationMs : undefined
