import {
  type Growth,
  growthAt,
  growthWorkspace,
  type Way,
} from '../../services/estimator/domain/distribution/growth.ts'
import { growthLaws } from '../../services/estimator/domain/distribution/growth-laws.ts'
import type { GrowthRecord } from '../../services/estimator/domain/distribution/growth-record.ts'
import { alone } from '../../services/estimator/domain/distribution/joint-laws.ts'

/** A record that gives these laws these weights, and others none. */
export const recordOf = (
  ...laws: readonly (readonly [exponent: number, share: number, weight: number])[]
): GrowthRecord => ({
  executions: 1,
  column: 0,
  range: 1,
  scatter: 0,
  joint: undefined,
  laws: growthLaws.map((law) => ({
    law: alone(law),
    weight: laws.reduce((sum, [exponent, share, weight]) => {
      return law.exponent === exponent && law.share === share ? sum + weight : sum
    }, 0),
  })),
})

export const flat = recordOf([1, 0, 1])
export const linear = recordOf([1, 1, 1])

/** The way along one feature and, where given, another one. */
export const along = (
  record: GrowthRecord,
  distance: number,
  advance = 0,
  [from, to]: readonly [from: number, to: number] = [0, 0],
): readonly Way[] => [{ record, own: { from: advance, to: distance }, other: { from, to } }]

export const listedGrowth = ({ cells, weights, size, factor }: Growth) => ({
  cells: [...cells.subarray(0, size)],
  weights: [...weights.subarray(0, size)],
  factor,
})

export const growthOf = (record: GrowthRecord, distance: number, advance = 0) =>
  listedGrowth(growthAt(along(record, distance, advance), growthWorkspace()))
