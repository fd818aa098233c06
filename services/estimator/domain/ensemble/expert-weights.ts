import { type Dimension, resourceLimits } from '../../../../shared/domain/resources.ts'
import type { JoinedResiduals } from '../distribution/joined-residuals.ts'
import type { Residuals } from '../distribution/residuals.ts'
import type { Point } from '../features/encoder.ts'
import type { Formula, NearestTo } from '../strategies/strategy.ts'
import { type Expert, experts, type Member, plainExperts } from './expert.ts'
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
  readonly strategy: string
  readonly member: Member
  /** In the dimension's unit. */
  readonly value: number
  readonly share: MixtureShare
}

/** What a strategy has in the mixture. Of a query it depends on nothing but who predicts, and whether anything is near. */
export interface MixtureShare {
  /** Share of its experts in the mixture; 0 = left out. */
  readonly weight: number
  /** Those of its experts that enter the mixture. */
  readonly experts: readonly WeightedExpert[]
  /** What of its part in the mixture hangs on no query; made by the first that needs it. */
  fixed?: FixedPart | undefined
}

export interface WeightedExpert {
  readonly expert: Expert
  /** Share in the mixture. */
  readonly weight: number
}

/**
 * Of the experts that weigh no execution by its proximity: where the strategy has no others, its residuals joined. All numbers
 * lie in `cells`: what a unit of slow and of fast weight is worth in the mixture, the priors, and from `from` on the residuals.
 */
export interface FixedPart extends JoinedResiduals {
  readonly residuals: Residuals
  readonly isWhole: boolean
  /** What the experts believe beside the residuals, around the prediction, in their order: so many scales and shares. */
  readonly priors: number
}

/** The strategies of one dimension of a task. */
export interface Ensemble {
  readonly dimension: Dimension
  readonly members: readonly Member[]
  readonly executions: { readonly count: number }
  /** As last worked out. */
  expertWeights: ExpertWeights | undefined
  fits: Fits | undefined
}

/**
 * The strategies after so many executions. By member, side by side, and as little as predicting takes: a query reads them
 * all, and objects of their own would be most of what it waits for.
 */
export interface Fits {
  executions: number
  readonly members: readonly Member[]
  readonly strategies: readonly string[]
  /** Made when it is first asked. */
  readonly formulas: (Formula | undefined)[]
  /**
   * By member what it predicts of any point, once it was asked, where it ignores the point, else 0, which none predicts; then
   * by member where its own numbers begin; then these.
   */
  readonly numbers: Float64Array
}

/** What the experts weigh: of a query it depends on nothing but who predicts, and whether anything is near. */
export interface ExpertWeights {
  readonly executions: number
  readonly isLocal: boolean
  readonly members: readonly Member[]
  /** In the order of `members`. */
  readonly shares: readonly MixtureShare[]
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
  share: MixtureShare
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
  neighbours: NearestTo,
): readonly Prediction[] {
  const predictions: Weighed[] = []
  const most = nonsense * resourceLimits[ensemble.dimension]
  const fits = fitsOf(ensemble)
  let i = 0
  const predict = () => predicted(fits, i, point, most, neighbours)
  for (; i < fits.strategies.length; i++) {
    const strategy = fits.strategies[i] as string
    if (!isAsked(strategy)) continue
    const value = guard(strategy, predict)
    if (value === undefined) continue
    predictions.push({ strategy, member: fits.members[i] as Member, value, share: leftOut })
  }
  const followed = followedOf(predictions, unfollowed)
  const { shares } = expertWeightsOf(ensemble, followed, isLocal)
  for (let i = 0; i < followed.length; i++) (followed[i] as Weighed).share = shares[i] as MixtureShare
  return predictions
}

/** The strategies as they predict until another execution is observed. */
function fitsOf(ensemble: Ensemble): Fits {
  const { executions, members, fits: known } = ensemble
  if (known !== undefined && known.members === members) {
    if (known.executions === executions.count) return known
    known.executions = executions.count
    known.formulas.fill(undefined)
    known.numbers.fill(0, 0, members.length)
    return known
  }
  ensemble.fits = {
    executions: executions.count,
    members,
    strategies: members.map(({ strategy }) => strategy),
    formulas: new Array<Formula | undefined>(members.length).fill(undefined),
    numbers: numbersOf(members),
  }
  return ensemble.fits
}

function numbersOf(members: readonly Member[]): Float64Array {
  const starts: number[] = []
  let end = 2 * members.length
  for (const { learner } of members) {
    starts.push(end)
    end += learner.fit?.size ?? 0
  }
  const numbers = new Float64Array(end)
  numbers.set(starts, members.length)
  return numbers
}

/** A prediction that may be used, or undefined: it abstains. Nonsense is a failure, for the guard to see. */
function predicted(
  { members, formulas, numbers }: Fits,
  i: number,
  point: Point,
  most: number,
  neighbours: NearestTo,
): number | undefined {
  const known = numbers[i] as number
  if (known > 0) return known
  const from = numbers[members.length + i] as number
  const made = formulas[i]
  const formula = made ?? formulaOf((members[i] as Member).learner, numbers, from)
  const value = formula(point, numbers, from, neighbours)
  if (value !== undefined && !(value > 0 && value <= most)) throw new RangeError(`answered ${value}`)
  if (made !== undefined) return value
  formulas[i] = formula
  if ((members[i] as Member).ignoresPoint) numbers[i] = value ?? 0
  return value
}

const formulaOf = ({ fit, predict }: Member['learner'], numbers: Float64Array, from: number): Formula =>
  fit?.into(numbers, from) ?? predict

function expertWeightsOf(ensemble: Ensemble, followed: readonly Weighed[], isLocal: boolean): ExpertWeights {
  const { executions, expertWeights: known } = ensemble
  const isKnown = known?.executions === executions.count && known.isLocal === isLocal
  if (isKnown && areOf(followed, known.members, ensemble.members)) return known
  const isAll = followed.length === ensemble.members.length
  const members = isAll ? ensemble.members : followed.map(({ member }) => member)
  const shares = sharesOf(members, isLocal)
  ensemble.expertWeights = { executions: executions.count, isLocal, members, shares }
  return ensemble.expertWeights
}

/** Whether the predictions, which are of some of `all` in their order, are those of `members`. */
function areOf(
  predictions: readonly Prediction[],
  members: readonly Member[],
  all: readonly Member[],
): boolean {
  if (predictions.length !== members.length) return false
  return members === all || members.every((member, i) => member === predictions[i]?.member)
}

function sharesOf(members: readonly Member[], isLocal: boolean): ExpertWeights['shares'] {
  const scores = bestScores(members, isLocal)
  const best = scores[0] as number
  const leastEntering = learningRate * ((scores[mostExperts - 1] as number) - best)
  const entering = members.map((member) => weightedExperts(member, isLocal, best, leastEntering))
  let total = 0
  for (const experts of entering) for (const { weight } of experts) total += weight
  return entering.map((experts) => {
    if (experts.length === 0) return leftOut
    let weight = 0
    for (const entry of experts) {
      entry.weight /= total
      weight += entry.weight
    }
    return { weight, experts }
  })
}

const none: Entering[] = []

const leftOut: MixtureShare = { weight: 0, experts: none }

/** Where those that are not followed are all that there are, they are followed: it is all that can be said. */
function followedOf(predictions: Weighed[], unfollowed: Selection['unfollowed']): Weighed[] {
  if (unfollowed.size === 0) return predictions
  const followed = predictions.filter(({ strategy }) => !unfollowed.has(strategy))
  return followed.length > 0 ? followed : predictions
}

/** The best log scores, as many as experts enter, the best first. */
function bestScores(members: readonly Member[], isLocal: boolean): readonly number[] {
  const scores = new Array<number>(mostExperts).fill(Number.NEGATIVE_INFINITY)
  const competing = isLocal ? experts.length : plainExperts
  for (const { scores: own } of members)
    for (let i = 0; i < competing; i++) {
      const score = own[i] as number
      if (score > (scores[mostExperts - 1] as number)) insert(scores, score)
    }
  return scores
}

/** Puts a value above the last in its place, the largest first. */
function insert(largest: number[], value: number): void {
  let at = largest.length - 1
  for (; at > 0 && (largest[at - 1] as number) < value; at--) largest[at] = largest[at - 1] as number
  largest[at] = value
}

/** Experts whose exponents differ by no more tie where their weights are the same: by weight, not by score. */
const rounding = 1e-9

/** Those of a member's experts that enter, with their weights relative to the best expert's. */
function weightedExperts(
  { scores }: Member,
  isLocal: boolean,
  best: number,
  leastEntering: number,
): readonly Entering[] {
  const competing = isLocal ? experts.length : plainExperts
  let weighted: Entering[] | undefined
  for (let i = 0; i < competing; i++) {
    const exponent = learningRate * ((scores[i] as number) - best)
    if (exponent < leastExponent || exponent < leastEntering - rounding) continue
    const weight = Math.exp(exponent)
    if (weight < Math.exp(leastEntering)) continue
    weighted ??= []
    weighted.push({ expert: experts[i] as Expert, weight })
  }
  return weighted ?? none
}
