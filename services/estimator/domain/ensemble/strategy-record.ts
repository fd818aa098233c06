import { ensembleName, type StrategyAccuracy } from '../../../../shared/domain/profile.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'

/** Executions scored before a record says anything. */
const fewest = 20

/** A record is poor where its mean |prediction − need| / need is above this… */
const poorError = 3

/** …and above this many times the ensemble's own: some tasks cannot be predicted by anyone. */
const timesEnsemble = 4

export type Verdict = 'good' | 'poor'

/** What a profile's record says of a strategy in one dimension: `undefined` where it says too little. */
export function verdictsOf(
  accuracy: readonly StrategyAccuracy[],
): (strategy: string, dimension: Dimension) => Verdict | undefined {
  const records = new Map<string, Record>()
  for (const { strategy, dimension, executions, weight, relativeError } of accuracy) {
    const id = idOf(strategy, dimension)
    const record = records.get(id) ?? { executions: 0, weight: 0, error: 0 }
    record.executions += executions
    record.weight += weight
    record.error += weight * relativeError
    records.set(id, record)
  }

  function errorOf(strategy: string, dimension: Dimension): number | undefined {
    const record = records.get(idOf(strategy, dimension))
    return record === undefined || record.executions < fewest || record.weight === 0
      ? undefined
      : record.error / record.weight
  }

  return (strategy, dimension) => {
    const reference = errorOf(ensembleName, dimension)
    const own = reference === undefined ? undefined : errorOf(strategy, dimension)
    if (own === undefined || reference === undefined) return undefined
    return own > poorError && own > timesEnsemble * reference ? 'poor' : 'good'
  }
}

/** Over all variants, by how much each was scored. */
interface Record {
  executions: number
  weight: number
  error: number
}

const idOf = (strategy: string, dimension: Dimension): string => `${dimension} ${strategy}`
