import type { Point } from '../features/encoder.ts'
import type { ExecutionSet, ObservedExecutions } from './observed-executions.ts'
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

/**
 * Scratch space of weights, by the number of an execution: those that are forgotten slowly and fast, which grow with time and
 * are the same of every task, and proximities. Grows as needed.
 */
export interface WeighingWorkspace {
  slow: Float64Array
  fast: Float64Array
  proximity: Float64Array
}

export const weighingWorkspace = (): WeighingWorkspace => ({
  slow: new Float64Array(0),
  fast: new Float64Array(0),
  proximity: new Float64Array(0),
})

/** Makes room for the weights of so many executions. */
export function makeRoom(workspace: WeighingWorkspace, executions: number): void {
  if (workspace.slow.length >= executions) return
  const length = 2 * executions
  workspace.slow = Float64Array.from({ length }, (_, n) => forgetting.slow ** -n)
  workspace.fast = Float64Array.from({ length }, (_, n) => forgetting.fast ** -n)
  workspace.proximity = new Float64Array(length)
}

/**
 * Sums over some executions of their weights, slowly and fast forgotten, and of the squares of these. With no name of
 * `ByWeighting`: objects that begin with the same names are of one shape to V8, and numbers that share theirs with objects are boxed anew
 * at each write.
 */
export interface WeightSums {
  slowSum: number
  fastSum: number
  slowSquares: number
  fastSquares: number
}

export const weightSums = (): WeightSums => ({ slowSum: 0, fastSum: 0, slowSquares: 0, fastSquares: 0 })

export function addWeights(sums: WeightSums, slow: number, fast: number): void {
  sums.slowSum += slow
  sums.fastSum += fast
  sums.slowSquares += slow * slow
  sums.fastSquares += fast * fast
}

/** What the weights of the past hang on. */
export interface WeighedBy {
  readonly set: ExecutionSet
  /** The most informative feature's column, and the most informative label; undefined: none. */
  readonly column: number | undefined
  readonly label: string | undefined
  readonly point: Point
}

/**
 * Weight of every past execution for one query, by its number; valid until others are made in the same workspace.
 * Unit: relative; only ratios matter.
 */
export interface SampleWeights {
  readonly by: WeighedBy
  /** Shape: the first `by.set.size` entries of each array. */
  readonly slow: Float64Array
  readonly fast: Float64Array
  readonly proximity: Float64Array
  /** Whether there is a feature or label to be near in; without one the local weightings say nothing. */
  readonly isLocal: boolean
  /** Sums of local weights known so far, by the first execution that they are from. */
  readonly known: { readonly from: number; readonly sums: WeightSums }[]
}

/** Puts the proximities in the workspace, which has room for all executions. */
export function sampleWeights(
  executions: ObservedExecutions,
  column: number | undefined,
  label: string | undefined,
  point: Point,
  { slow, fast, proximity }: WeighingWorkspace,
): SampleWeights {
  const isLocal = proximityTo(executions, column, label, point, proximity)
  const by = { set: executions.set, column, label, point }
  return { by, slow, fast, proximity, isLocal, known: [] }
}

/** Sums of local weights over all executions from a number on. */
export function localSumsFrom(weights: SampleWeights, from: number): WeightSums {
  for (const one of weights.known) if (one.from === from) return one.sums
  const sums = localSums(weights, from, weights.by.set.size)
  weights.known.push({ from, sums })
  return sums
}

/** The same over the first `count` of the numbers given. */
export const localSumsOver = (weights: SampleWeights, numbers: Int32Array, count: number): WeightSums =>
  localSums(weights, 0, count, numbers)

/** Over those numbered from `from` up to `end`, or over the numbers at these places. */
function localSums(
  { slow, fast, proximity }: SampleWeights,
  from: number,
  end: number,
  numbers?: Int32Array,
): WeightSums {
  // In variables of their own: a number in an object is written to memory at each step.
  let slowSum = 0
  let fastSum = 0
  let slowSquares = 0
  let fastSquares = 0
  for (let place = from; place < end; place++) {
    const i = numbers === undefined ? place : (numbers[place] as number)
    const near = proximity[i] as number
    const s = (slow[i] as number) * near
    const f = (fast[i] as number) * near
    slowSum += s
    fastSum += f
    slowSquares += s * s
    fastSquares += f * f
  }
  return { slowSum, fastSum, slowSquares, fastSquares }
}
