import type { ObservedExecutions } from '../history/observed-executions.ts'
import { growthLaws, lawRecord } from './growth-laws.ts'
import { alone, leastWeight, type WeighedLaw } from './joint-laws.ts'
import { type JointRecord, jointRecords } from './joint-record.ts'

/** What some executions say of growth along a column. A function of the executions, in any order. */
export interface GrowthRecord {
  /** The executions and the column that it was made of. */
  readonly executions: number
  readonly column: number
  /** ln(largest / smallest value). */
  readonly range: number
  /** Standard deviation of ln(need) around the likeliest law. */
  readonly scatter: number
  readonly laws: readonly WeighedLaw[]
  /** Where the laws are of another feature too. */
  readonly joint: JointRecord | undefined
}

export interface PairRecord extends GrowthRecord {
  readonly joint: JointRecord
}

const lawsAlone = growthLaws.map(alone)

/** Along one feature alone. */
export function growthRecord(executions: ObservedExecutions, column: number): GrowthRecord {
  const { range, scatter, weights } = lawRecord(executions, column)
  return {
    executions: executions.count,
    column,
    range,
    scatter,
    laws: lawsAlone
      .map((law, i) => ({ law, weight: weights[i] as number }))
      .filter(({ weight }) => weight >= leastWeight),
    joint: undefined,
  }
}

/**
 * With another feature, and of that with this one, by column, where they say something of the need together: much more work, in
 * steps.
 */
export function* pairRecords(
  record: GrowthRecord,
  executions: ObservedExecutions,
  aloneAlong: (column: number) => GrowthRecord,
): Generator<undefined, ReadonlyMap<number, PairRecord>> {
  const found = new Map<number, PairRecord>()
  for (const [column, joint] of yield* jointRecords(executions, record)) {
    const { scatter, laws } = joint
    found.set(column, { ...aloneAlong(column), scatter, laws, joint })
  }
  return found
}
