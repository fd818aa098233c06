import { resourceLimits } from '../../../shared/domain/resources.ts'
import type { DimensionModel, Guard, Track } from './dimension-model.ts'
import type { Point } from './encoding.ts'
import { plainViews, views } from './views.ts'
import { type Weighting, weightingFor } from './weighting.ts'

/** Share of a log score that counts: the strategies see the same executions, so their evidence is not independent. */
const learningRate = 0.5
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10
/** Voices that enter a mixture: the best few, none of less than this share of the best one's weight. */
const mostParts = 4
const leastWeight = 0.02
const leastExponent = Math.log(leastWeight)

/** A prediction that may be used, or undefined: it abstained, or failed. Nonsense is a failure, for the guard to see. */
function predicted(model: DimensionModel, track: Track, point: Point, guard: Guard): number | undefined {
  return guard(track.strategy, () => {
    const value = track.learner.predict(point)
    if (value !== undefined && !(value > 0 && value <= nonsense * resourceLimits[model.dimension])) {
      throw new RangeError(`answered ${value}`)
    }
    return value
  })
}

/** One strategy's say in a mixture. */
export interface Vote {
  readonly track: Track
  readonly prediction: number
  /** Share in the mixture, over all views; 0 = left out. */
  readonly weight: number
  /** The same by view. */
  readonly byView: readonly number[]
  readonly weighting: Weighting
}

/**
 * What every usable strategy predicts, weighted by how well it has foretold. Empty when all abstain. Those in `unfollowed`
 * are heard without weight, unless there are no others.
 */
export function votes(
  model: DimensionModel,
  point: Point,
  usable: (strategy: string) => boolean,
  unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>,
  guard: Guard,
): readonly Vote[] {
  const weighting = weightingFor(model, point)
  const heard: {
    track: Track
    prediction: number
    weight: number
    byView: number[]
    weighting: Weighting
  }[] = []
  const heardViews = weighting.nearby ? views : plainViews
  for (const track of model.tracks) {
    if (!usable(track.strategy)) continue
    const prediction = predicted(model, track, point, guard)
    if (prediction !== undefined)
      heard.push({ track, prediction, weight: 0, byView: [0, 0, 0, 0], weighting })
  }
  const followed = followedOf(heard, unfollowed)
  let best = Number.NEGATIVE_INFINITY
  for (const { track } of followed)
    for (let v = 0; v < heardViews; v++) best = Math.max(best, track.scores[v] as number)
  const largest = [0, 0, 0, 0]
  for (const { track, byView } of followed) {
    for (let v = 0; v < heardViews; v++) {
      const exponent = learningRate * ((track.scores[v] as number) - best)
      const w = exponent < leastExponent ? 0 : Math.exp(exponent)
      byView[v] = w
      if (w === 0) continue
      enter(largest, w)
    }
  }
  const least = largest[mostParts - 1] as number
  let kept = 0
  for (const { byView } of heard)
    for (let v = 0; v < heardViews; v++) {
      if ((byView[v] as number) < least) byView[v] = 0
      else kept += byView[v] as number
    }
  if (kept > 0)
    for (const vote of heard)
      for (let v = 0; v < heardViews; v++) {
        vote.byView[v] = (vote.byView[v] as number) / kept
        vote.weight += vote.byView[v] as number
      }
  return heard
}

/** Where those that are not followed are all that were heard, they are followed: it is all that can be said. */
function followedOf<V extends Vote>(
  heard: readonly V[],
  unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>,
): readonly V[] {
  if (unfollowed.size === 0) return heard
  const followed = heard.filter(({ track }) => !unfollowed.has(track.strategy))
  return followed.length > 0 ? followed : heard
}

/** Keeps the largest, the largest first. */
function enter(largest: number[], value: number): void {
  let at = largest.length - 1
  if (value <= (largest[at] as number)) return
  for (; at > 0 && (largest[at - 1] as number) < value; at--) largest[at] = largest[at - 1] as number
  largest[at] = value
}
