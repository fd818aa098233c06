import { type Dimension, resourceLimits } from '../../../../shared/domain/resources.ts'
import type { Point } from '../features/encoder.ts'
import type { Expert, Member } from './expert.ts'
import type { Guard } from './guard.ts'

/** Share of a log score that counts: the strategies see the same executions, so their evidence is not independent. */
const learningRate = 0.5
/** Experts that enter a mixture: the best few (and those that tie), none of less than this share of the best one's weight. */
const mostExperts = 4
const leastWeight = 0.02
const leastExponent = Math.log(leastWeight)
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10

/** What one strategy predicts for one point. */
export interface Prediction {
  readonly member: Member
  /** In the dimension's unit. */
  readonly value: number
  /** Share of its experts in the mixture; 0 = left out. */
  readonly weight: number
  /** Those of its experts that enter the mixture. */
  readonly experts: readonly WeightedExpert[]
}

export interface WeightedExpert {
  readonly expert: Expert
  /** Share in the mixture. */
  readonly weight: number
}

/** The strategies of one dimension of a task. */
export interface Ensemble {
  readonly dimension: Dimension
  readonly members: readonly Member[]
}

/** Which strategies are asked, and which are asked but not followed unless there are no others. */
export interface Selection {
  readonly isAsked: (strategy: string) => boolean
  readonly unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>
}

export const allStrategies: Selection = { isAsked: () => true, unfollowed: new Set() }

interface Weighed extends Prediction {
  weight: number
  experts: readonly { readonly expert: Expert; weight: number }[]
}

/**
 * What every strategy predicts, weighted by the prequential log scores of its experts. Empty when all abstain. The local
 * experts enter only where `isLocal`: where there is anything to be near in.
 * Source: Dawid, "The Prequential Approach", JRSS A 147(2), 1984; exponential weights as in Vovk, "Aggregating
 * Strategies", COLT 1990.
 */
export function weighedPredictions(
  { members, dimension }: Ensemble,
  point: Point,
  isLocal: boolean,
  { isAsked, unfollowed }: Selection,
  guard: Guard,
): readonly Prediction[] {
  const predictions: Weighed[] = []
  for (const member of members) {
    if (!isAsked(member.strategy)) continue
    const value = predict(member, dimension, point, guard)
    if (value !== undefined) predictions.push({ member, value, weight: 0, experts: none })
  }
  const followed = followedOf(predictions, unfollowed)
  const scores = bestScores(followed, isLocal)
  let total = 0
  for (const prediction of followed) {
    prediction.experts = weightedExperts(prediction.member, isLocal, scores)
    for (const { weight } of prediction.experts) total += weight
  }
  for (const prediction of followed)
    for (const entry of prediction.experts) {
      entry.weight /= total
      prediction.weight += entry.weight
    }
  return predictions
}

const none: Weighed['experts'] = []

/** A prediction that may be used, or undefined: it abstained, or failed. Nonsense is a failure, for the guard to see. */
function predict(member: Member, dimension: Dimension, point: Point, guard: Guard): number | undefined {
  return guard(member.strategy, () => {
    const value = member.learner.predict(point)
    if (value !== undefined && !(value > 0 && value <= nonsense * resourceLimits[dimension])) {
      throw new RangeError(`answered ${value}`)
    }
    return value
  })
}

/** Where those that are not followed are all that there are, they are followed: it is all that can be said. */
function followedOf(predictions: Weighed[], unfollowed: Selection['unfollowed']): Weighed[] {
  if (unfollowed.size === 0) return predictions
  const followed = predictions.filter(({ member }) => !unfollowed.has(member.strategy))
  return followed.length > 0 ? followed : predictions
}

/** The best log scores, as many as experts enter, the best first. */
function bestScores(predictions: readonly Prediction[], isLocal: boolean): readonly number[] {
  const scores = new Array<number>(mostExperts).fill(Number.NEGATIVE_INFINITY)
  for (const { member } of predictions)
    for (const expert of member.experts)
      if ((isLocal || !expert.isLocal) && expert.logScore > (scores[mostExperts - 1] as number))
        insert(scores, expert.logScore)
  return scores
}

/** Puts a value above the last in its place, the largest first. */
function insert(largest: number[], value: number): void {
  let at = largest.length - 1
  for (; at > 0 && (largest[at - 1] as number) < value; at--) largest[at] = largest[at - 1] as number
  largest[at] = value
}

/** Those of a member's experts that enter, with their weights relative to the best expert's. */
function weightedExperts(
  { experts }: Member,
  isLocal: boolean,
  scores: readonly number[],
): Weighed['experts'] {
  const best = scores[0] as number
  const leastEntering = Math.exp(learningRate * ((scores[mostExperts - 1] as number) - best))
  let weighted: { readonly expert: Expert; weight: number }[] | undefined
  for (const expert of experts) {
    if (expert.isLocal && !isLocal) continue
    const exponent = learningRate * (expert.logScore - best)
    if (exponent < leastExponent) continue
    const weight = Math.exp(exponent)
    // By weight, not by score: experts whose scores differ by rounding alone tie.
    if (weight < leastEntering) continue
    weighted ??= []
    weighted.push({ expert, weight })
  }
  return weighted ?? none
}
