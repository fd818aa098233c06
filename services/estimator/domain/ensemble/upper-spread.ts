import { usualSpread } from '../distribution/tail.ts'
import type { DimensionModel } from './dimension-model.ts'

/** Executions that the usual spread counts as much as. */
const priorExecutions = 3

/**
 * How far the larger half of the needs lie above its end, as the mean of a logarithm: what lies above the largest is expected to
 * be about as far from it. Law: from above 0 on, and the usual while a task has run once.
 * Source: B. M. Hill, "A Simple General Approach to Inference About the Tail of a Distribution", Annals of Statistics 3(5), 1975.
 */
export function upperSpread(model: Pick<DimensionModel, 'executions' | 'spread'>): number {
  const { spread: known, executions } = model
  if (known?.executions === executions.count) return known.upper
  const upper = hill(executions.needs.slice(0, executions.count))
  model.spread = { executions: executions.count, upper }
  return upper
}

function hill(needs: Float64Array): number {
  needs.sort()
  const upper = needs.length >> 1
  const from = needs.length - upper
  const end = needs[from - 1] ?? 1
  let sum = priorExecutions * usualSpread
  for (let i = from; i < needs.length; i++) sum += Math.log((needs[i] as number) / end)
  return sum / (priorExecutions + upper)
}
