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
  const records = recordsOf(accuracy)
  return (strategy, dimension) => {
    const ofDimension = records.get(dimension)
    const reference = errorOf(ofDimension?.get(ensembleName))
    const own = reference === undefined ? undefined : errorOf(ofDimension?.get(strategy))
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

function recordsOf(
  accuracy: readonly StrategyAccuracy[],
): ReadonlyMap<Dimension, ReadonlyMap<string, Record>> {
  const records = new Map<Dimension, Map<string, Record>>()
  for (const { strategy, dimension, executions, weight, relativeError } of accuracy) {
    const ofDimension = records.get(dimension) ?? new Map<string, Record>()
    const record = ofDimension.get(strategy) ?? { executions: 0, weight: 0, error: 0 }
    record.executions += executions
    record.weight += weight
    record.error += weight * relativeError
    records.set(dimension, ofDimension.set(strategy, record))
  }
  return records
}

function errorOf(record: Record | undefined): number | undefined {
  return record === undefined || record.executions < fewest || record.weight === 0
    ? undefined
    : record.error / record.weight
}
