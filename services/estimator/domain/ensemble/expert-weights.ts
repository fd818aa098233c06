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
  readonly executions: { readonly count: number }
  /** As last worked out. */
  expertWeights: ExpertWeights | undefined
}

/** What the experts weigh: of a query it depends on nothing but who predicts, and whether anything is near. */
export interface ExpertWeights {
  readonly executions: number
  readonly isLocal: boolean
  readonly members: readonly Member[]
  /** In the order of `members`. */
  readonly shares: readonly Pick<Prediction, 'weight' | 'experts'>[]
}

/** Which strategies are asked, and which are asked but not followed unless there are no others. */
export interface Selection {
  readonly isAsked: (strategy: string) => boolean
  readonly unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>
}

export const allStrategies: Selection = { isAsked: () => true, unfollowed: new Set() }

interface Entering extends WeightedExpert {
  weight: number
}

interface Weighed extends Prediction {
  weight: number
  experts: readonly WeightedExpert[]
}

/**
 * What every strategy predicts, weighted by the prequential log scores of its experts. Empty when all abstain. The local
 * experts enter only where `isLocal`: where there is anything to be near in.
 * Source: Dawid, "The Prequential Approach", JRSS A 147(2), 1984; exponential weights as in Vovk, "Aggregating
 * Strategies", COLT 1990.
 */
export function weighedPredictions(
  ensemble: Ensemble,
  point: Point,
  isLocal: boolean,
  { isAsked, unfollowed }: Selection,
  guard: Guard,
): readonly Prediction[] {
  const predictions: Weighed[] = []
  for (const member of ensemble.members) {
    if (!isAsked(member.strategy)) continue
    const value = predict(member, ensemble, point, guard)
    if (value !== undefined) predictions.push({ member, value, weight: 0, experts: none })
  }
  const followed = followedOf(predictions, unfollowed)
  const { shares } = expertWeightsOf(ensemble, followed, isLocal)
  for (let i = 0; i < followed.length; i++) {
    const prediction = followed[i] as Weighed
    const share = shares[i] as (typeof shares)[number]
    prediction.weight = share.weight
    prediction.experts = share.experts
  }
  return predictions
}

function expertWeightsOf(ensemble: Ensemble, followed: readonly Weighed[], isLocal: boolean): ExpertWeights {
  const { executions, expertWeights: known } = ensemble
  const isKnown =
    known?.executions === executions.count &&
    known.isLocal === isLocal &&
    known.members.length === followed.length &&
    known.members.every((member, i) => member === followed[i]?.member)
  if (isKnown) return known
  const members = followed.map(({ member }) => member)
  const shares = sharesOf(members, isLocal)
  ensemble.expertWeights = { executions: executions.count, isLocal, members, shares }
  return ensemble.expertWeights
}

function sharesOf(members: readonly Member[], isLocal: boolean): ExpertWeights['shares'] {
  const scores = bestScores(members, isLocal)
  const best = scores[0] as number
  const leastEntering = Math.exp(learningRate * ((scores[mostExperts - 1] as number) - best))
  const entering = members.map((member) => weightedExperts(member, isLocal, best, leastEntering))
  let total = 0
  for (const experts of entering) for (const { weight } of experts) total += weight
  return entering.map((experts) => {
    let weight = 0
    for (const entry of experts) {
      entry.weight /= total
      weight += entry.weight
    }
    return { weight, experts }
  })
}

const none: Entering[] = []

/** A prediction that may be used, or undefined: it abstained, or failed. Nonsense is a failure, for the guard to see. */
function predict(
  member: Member,
  { dimension, executions: { count } }: Ensemble,
  point: Point,
  guard: Guard,
): number | undefined {
  return guard(member.strategy, () => {
    if (member.lastPrediction?.executions === count) return member.lastPrediction.value
    const value = member.learner.predict(point)
    if (value !== undefined && !(value > 0 && value <= nonsense * resourceLimits[dimension])) {
      throw new RangeError(`answered ${value}`)
    }
    if (member.ignoresPoint) member.lastPrediction = { executions: count, value }
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
function bestScores(members: readonly Member[], isLocal: boolean): readonly number[] {
  const scores = new Array<number>(mostExperts).fill(Number.NEGATIVE_INFINITY)
  for (const { experts } of members)
    for (const expert of experts)
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
  best: number,
  leastEntering: number,
): readonly Entering[] {
  let weighted: Entering[] | undefined
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
