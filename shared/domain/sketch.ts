import { clamp } from './clamp.ts'
import type { DimensionStatistics, QuantileSketch } from './profile.ts'
import { profileLimits } from './profile-limits.ts'

/** Relative error of a quantile. */
export const sketchAccuracy = 0.01

/** Beyond so many buckets the lowest are collapsed into one. At 1 % they span nine decades. */
export const maxSketchBuckets = profileLimits.sketchBuckets

/** Values below count as zero: under any unit that is measured here. */
const smallestValue = 1e-12

/** Decayed weights below are forgotten. */
const smallestWeight = 1e-12

export const emptySketch: QuantileSketch = {
  relativeAccuracy: sketchAccuracy,
  zeroWeight: 0,
  offset: 0,
  weights: [],
}

/** A sketch that nobody else holds. */
export type GrowingSketch = { -readonly [Name in keyof QuantileSketch]: QuantileSketch[Name] } & {
  weights: number[]
}

/**
 * Adds one value in place.
 * Law: order of arrival does not matter; `mergeSketches` of two equals adding everything to one.
 * Throws: RangeError on a negative or non-finite value or weight: a bug upstream, not bad input.
 * Source: Masson, Rim & Lee, "DDSketch", PVLDB 12(12), 2019, §2.
 */
export function addToSketch(sketch: GrowingSketch, value: number, weight = 1): void {
  if (!(value >= 0 && value < Infinity))
    throw new RangeError(`a sketch takes finite values from 0, got ${value}`)
  if (!(weight >= 0 && weight < Infinity))
    throw new RangeError(`a weight is finite and from 0, got ${weight}`)
  if (weight === 0) return
  if (value < smallestValue) {
    sketch.zeroWeight += weight
    return
  }
  const { weights } = sketch
  const index = Math.ceil(Math.log(value) / Math.log(gammaOf(sketch)))
  const at = index - sketch.offset
  if (at >= 0 && at < weights.length) weights[at] = (weights[at] as number) + weight
  else Object.assign(sketch, sum(sketch, { ...sketch, zeroWeight: 0, offset: index, weights: [weight] }))
}

/** Throws: RangeError where the accuracies differ. */
export function mergeSketches(a: QuantileSketch, b: QuantileSketch): QuantileSketch {
  if (a.relativeAccuracy !== b.relativeAccuracy)
    throw new RangeError('sketches of different accuracy do not merge')
  return sum(a, b)
}

/** A copy to add to, every weight multiplied by `factor`, from 0 to 1: the decay. */
export function scaleSketch(sketch: QuantileSketch, factor: number): GrowingSketch {
  const weights = sketch.weights.slice()
  if (factor === 1) return { ...sketch, weights }
  for (let i = 0; i < weights.length; i++) weights[i] = faded((weights[i] as number) * factor)
  return trimmed({ ...sketch, zeroWeight: faded(sketch.zeroWeight * factor), weights })
}

export function sketchWeight(sketch: QuantileSketch): number {
  let total = sketch.zeroWeight
  for (const weight of sketch.weights) total += weight
  return total
}

/** The value at rank `q` (0 to 1), within the sketch's relative accuracy; undefined where it holds nothing. */
export function quantile(sketch: QuantileSketch, q: number): number | undefined {
  const total = sketchWeight(sketch)
  if (total === 0) return undefined
  const rank = Math.min(Math.max(q, 0), 1) * total
  let passed = sketch.zeroWeight
  if (passed > 0 && passed >= rank) return 0
  let last = 0
  for (const [position, weight] of sketch.weights.entries()) {
    if (weight === 0) continue
    last = position
    passed += weight
    if (passed >= rank) break
  }
  return sketch.weights.length === 0 ? 0 : bucketValue(sketch, sketch.offset + last)
}

/** The same of a statistic: never outside what was seen, as a value within the sketch's accuracy may be. */
export function quantileSeen(
  { sketch, min, max }: Pick<DimensionStatistics, 'sketch' | 'min' | 'max'>,
  q: number,
): number | undefined {
  const value = quantile(sketch, q)
  return value === undefined ? undefined : clamp(value, min, max)
}

/** Weight of what is at or below `value`, as a share of the whole; undefined where it holds nothing. */
export function rankOf(sketch: QuantileSketch, value: number): number | undefined {
  const total = sketchWeight(sketch)
  if (total === 0) return undefined
  if (value < smallestValue) return value < 0 ? 0 : sketch.zeroWeight / total
  const index = Math.ceil(Math.log(value) / Math.log(gammaOf(sketch)))
  let below = sketch.zeroWeight
  for (const [position, weight] of sketch.weights.entries()) {
    if (sketch.offset + position <= index) below += weight
  }
  return Math.min(below / total, 1)
}

/** First and last bucket that a value up to `largest` can be in, one for rounding included. */
export function bucketsBetween(
  relativeAccuracy: number,
  largest: number,
): readonly [first: number, last: number] {
  const logGamma = Math.log(gammaOf({ relativeAccuracy }))
  return [Math.ceil(Math.log(smallestValue) / logGamma) - 1, Math.ceil(Math.log(largest) / logGamma) + 1]
}

const gammaOf = (sketch: Pick<QuantileSketch, 'relativeAccuracy'>) =>
  (1 + sketch.relativeAccuracy) / (1 - sketch.relativeAccuracy)

function bucketValue(sketch: QuantileSketch, index: number): number {
  const gamma = gammaOf(sketch)
  return (2 * gamma ** index) / (gamma + 1)
}

const faded = (weight: number) => (weight < smallestWeight ? 0 : weight)

function sum(a: QuantileSketch, b: QuantileSketch): GrowingSketch {
  const zeroWeight = a.zeroWeight + b.zeroWeight
  if (a.weights.length === 0) return { ...b, zeroWeight, weights: b.weights.slice() }
  if (b.weights.length === 0) return { ...a, zeroWeight, weights: a.weights.slice() }
  const end = Math.max(a.offset + a.weights.length, b.offset + b.weights.length)
  const offset = Math.max(Math.min(a.offset, b.offset), end - maxSketchBuckets)
  const weights = new Array<number>(end - offset).fill(0)
  for (const part of [a, b]) {
    for (let i = 0; i < part.weights.length; i++) {
      const at = Math.max(part.offset + i - offset, 0)
      weights[at] = (weights[at] as number) + (part.weights[i] as number)
    }
  }
  return { relativeAccuracy: a.relativeAccuracy, zeroWeight, offset, weights }
}

function trimmed(sketch: GrowingSketch): GrowingSketch {
  const { weights } = sketch
  let from = 0
  let to = weights.length
  while (from < to && weights[from] === 0) from++
  while (to > from && weights[to - 1] === 0) to--
  if (from === to) return { ...sketch, offset: 0, weights: [] }
  if (to - from === weights.length) return sketch
  return { ...sketch, offset: sketch.offset + from, weights: weights.slice(from, to) }
}
