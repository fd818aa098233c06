import { ensembleName, type StrategyAccuracy } from '../../../../shared/domain/profile.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'

/** Executions scored before a record says anything. */
const fewest = 20

/** A record is poor where its mean |prediction − need| / need is above this… */
const poorError = 3

/** …and above this many times the ensemble's own: some tasks cannot be predicted by anyone. */
const timesEnsemble = 4

/** What a profile's record says of a strategy in one dimension: `undefined` where it says too little. */
export function verdict(
  accuracy: readonly StrategyAccuracy[],
  strategy: string,
  dimension: Dimension,
): 'good' | 'poor' | undefined {
  const own = errorOf(accuracy, strategy, dimension)
  const reference = errorOf(accuracy, ensembleName, dimension)
  if (own === undefined || reference === undefined) return undefined
  return own > poorError && own > timesEnsemble * reference ? 'poor' : 'good'
}

/** Over all variants, weighted by how much each was scored. */
function errorOf(
  accuracy: readonly StrategyAccuracy[],
  strategy: string,
  dimension: Dimension,
): number | undefined {
  let executions = 0
  let weight = 0
  let error = 0
  for (const entry of accuracy) {
    if (entry.strategy !== strategy || entry.dimension !== dimension) continue
    executions += entry.executions
    weight += entry.weight
    error += entry.weight * entry.relativeError
  }
  return executions < fewest || weight === 0 ? undefined : error / weight
}
