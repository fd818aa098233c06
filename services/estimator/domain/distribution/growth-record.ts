import type { ObservedExecutions } from '../history/observed-executions.ts'
import { growthLaws, lawRecord } from './growth-laws.ts'
import { alone, leastWeight, type WeighedLaw } from './joint-laws.ts'
import { type JointRecord, jointRecord } from './joint-record.ts'

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
  /** Of another feature that says something of the need too. */
  readonly joint: JointRecord | undefined
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

/** With another feature, where one says something of the need too: much more work. */
export function withOther(record: GrowthRecord, executions: ObservedExecutions): GrowthRecord {
  const joint = jointRecord(executions, record)
  return joint === undefined ? record : { ...record, scatter: joint.scatter, laws: joint.laws, joint }
}
