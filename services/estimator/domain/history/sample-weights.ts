import type { Point } from '../features/encoder.ts'
import type { ObservedExecutions } from './observed-executions.ts'
import { proximityTo } from './proximity.ts'

/**
 * How the past is weighted: forgotten slowly or fast (exponential forgetting) and, `Local`, times the proximity of each
 * execution to the query in the most informative feature and label.
 */
export interface ByWeighting<T> {
  readonly slow: T
  readonly fast: T
  readonly slowLocal: T
  readonly fastLocal: T
}

export type Weighting = keyof ByWeighting<unknown>

/** Factor on the weight of an execution for each one after it. */
export const forgetting = { slow: 0.99, fast: 0.9 } as const

/** Sums over some executions of their weights, slowly and fast forgotten, and of the squares of these. */
export interface WeightSums {
  slow: number
  fast: number
  slowSquared: number
  fastSquared: number
}

export const weightSums = (): WeightSums => ({ slow: 0, fast: 0, slowSquared: 0, fastSquared: 0 })

export function addWeights(sums: WeightSums, slow: number, fast: number): void {
  sums.slow += slow
  sums.fast += fast
  sums.slowSquared += slow * slow
  sums.fastSquared += fast * fast
}

/**
 * Weight of every past execution for one query, by its number; valid until the next query.
 * Unit: relative; only ratios matter.
 */
export interface SampleWeights {
  readonly executions: ObservedExecutions
  /** Shape: the first `executions.count` entries. */
  readonly proximity: Float64Array
  /** Whether there is a feature or label to be near in; without one the local weightings say nothing. */
  readonly isLocal: boolean
  /** Sums of local weights known so far, by the first execution that they are from. */
  readonly known: { readonly from: number; readonly sums: WeightSums }[]
}

/** `proximity` is where the proximities are put; it has room for all executions. */
export function sampleWeights(
  executions: ObservedExecutions,
  column: number | undefined,
  label: string | undefined,
  point: Point,
  proximity: Float64Array,
): SampleWeights {
  const isLocal = proximityTo(executions, column, label, point, proximity)
  return { executions, proximity, isLocal, known: [] }
}

/** Sums of local weights over all executions from a number on. */
export function localSumsFrom(weights: SampleWeights, from: number): WeightSums {
  for (const one of weights.known) if (one.from === from) return one.sums
  const { executions, proximity } = weights
  const sums = localSums(executions, proximity, from, executions.count)
  weights.known.push({ from, sums })
  return sums
}

/** The same over the first `count` of the numbers given. */
export const localSumsOver = (
  { executions, proximity }: SampleWeights,
  numbers: Int32Array,
  count: number,
): WeightSums => localSums(executions, proximity, 0, count, numbers)

/** Over those numbered from `from` up to `end`, or over the numbers at these places. */
function localSums(
  { slow, fast }: ObservedExecutions,
  proximity: Float64Array,
  from: number,
  end: number,
  numbers?: Int32Array,
): WeightSums {
  // In variables of their own: a number in an object is written to memory at each step.
  let slowSum = 0
  let fastSum = 0
  let slowSquared = 0
  let fastSquared = 0
  for (let place = from; place < end; place++) {
    const i = numbers === undefined ? place : (numbers[place] as number)
    const near = proximity[i] as number
    const s = (slow[i] as number) * near
    const f = (fast[i] as number) * near
    slowSum += s
    fastSum += f
    slowSquared += s * s
    fastSquared += f * f
  }
  return { slow: slowSum, fast: fastSum, slowSquared, fastSquared }
}
