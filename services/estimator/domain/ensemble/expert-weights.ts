import type { StrategyPrediction } from '../../../../shared/domain/estimate.ts'
import { type Dimension, resourceLimits } from '../../../../shared/domain/resources.ts'
import type { Point } from '../features/encoder.ts'
import type { Formula, NearestTo } from '../strategies/strategy.ts'
import { experts, type Member, plainExperts } from './expert.ts'
import type { Guard } from './guard.ts'

/** Share of a log score that counts: the strategies see the same executions, so their evidence is not independent. */
const learningRate = 0.5
/** Experts that enter a mixture: the best few (and those that tie), none of less than this share of the best one's weight. */
const mostExperts = 4
const leastWeight = 0.02
const leastExponent = Math.log(leastWeight)
/** Experts whose exponents differ by no more tie where their weights are the same: by weight, not by score. */
const rounding = 1e-9
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10

/** What one strategy predicts for one point. As an answer has it: it may outlive the model. */
export interface Prediction extends StrategyPrediction {
  readonly value: number
}

/** What the strategies predict for one point, and what their experts weigh. Valid until the ensemble is asked again. */
export interface Forecast {
  readonly predictions: readonly Prediction[]
  /** In the order of `predictions`. */
  readonly members: readonly Member[]
  /** Those of `predictions` that are followed, in their order. */
  readonly followed: readonly Prediction[]
  /** Of those that are followed. */
  readonly expertWeights: ExpertWeights
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
  executions: number
  isLocal: boolean
  readonly members: readonly Member[]
  /** By member, and of each by expert: its share in the mixture; 0 = left out. */
  readonly shares: Float64Array
  /** What of the mixture hangs on no query, as fixed-parts.ts makes it; unset until it is needed. */
  fixed: Float64Array | undefined
}

/** The share of all experts of the member at a place. */
export function weightAt({ shares }: Pick<ExpertWeights, 'shares'>, place: number): number {
  const from = place * experts.length
  let weight = 0
  for (let i = from; i < from + experts.length; i++) weight += shares[i] as number
  return weight
}

/** Which strategies are asked, and which are asked but not followed unless there are no others. */
export interface Selection {
  readonly isAsked: (strategy: string) => boolean
  readonly unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>
}

export const allStrategies: Selection = { isAsked: () => true, unfollowed: new Set() }

type Weighed = Prediction & { weight: number }

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
): Forecast {
  const predictions: Weighed[] = []
  const predicting: Member[] = []
  const most = nonsense * resourceLimits[ensemble.dimension]
  const fits = fitsOf(ensemble)
  let i = 0
  const predict = () => predicted(fits, i, point, most, neighbours)
  for (; i < fits.strategies.length; i++) {
    const strategy = fits.strategies[i] as string
    if (!isAsked(strategy)) continue
    const value = guard(strategy, predict)
    if (value === undefined) continue
    predictions.push({ strategy, value, weight: 0, reason: undefined })
    predicting.push(fits.members[i] as Member)
  }
  const members = predicting.length === fits.members.length ? fits.members : predicting
  const followed = followedOf(predictions, unfollowed)
  const isAll = followed === predictions
  const expertWeights = expertWeightsOf(
    ensemble,
    isAll ? members : members.filter((_, i) => followed.includes(predictions[i] as Weighed)),
    isLocal,
  )
  for (let i = 0; i < followed.length; i++) (followed[i] as Weighed).weight = weightAt(expertWeights, i)
  return { predictions, members, followed, expertWeights }
}

/** What every strategy predicts, as learning takes it. */
export interface Predictions {
  /** Those that predict. */
  readonly members: readonly Member[]
  /** The first as many are theirs, in their order. */
  readonly values: readonly number[]
  readonly expertWeights: ExpertWeights
}

/** As `weighedPredictions` of all strategies, without an object for each. `values`: where they are put. */
export function plainPredictions(
  ensemble: Ensemble,
  point: Point,
  isLocal: boolean,
  guard: Guard,
  neighbours: NearestTo,
  values: number[],
): Predictions {
  const most = nonsense * resourceLimits[ensemble.dimension]
  const fits = fitsOf(ensemble)
  const { strategies } = fits
  let members: Member[] | undefined
  let count = 0
  let i = 0
  const predict = () => predicted(fits, i, point, most, neighbours)
  for (; i < strategies.length; i++) {
    const value = guard(strategies[i] as string, predict)
    if (value === undefined) {
      members ??= fits.members.slice(0, i)
      continue
    }
    values[count++] = value
    members?.push(fits.members[i] as Member)
  }
  const all = members ?? fits.members
  return { members: all, values, expertWeights: expertWeightsOf(ensemble, all, isLocal) }
}

/** The strategies as they predict until another execution is observed. */
function fitsOf(ensemble: Ensemble): Fits {
  const { executions, members, fits: known } = ensemble
  if (known !== undefined && known.members === members) {
    if (known.executions === executions.count) return known
    known.executions = executions.count
    for (let i = 0; i < members.length; i++) {
      known.formulas[i] = undefined
      known.numbers[i] = 0
    }
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

function expertWeightsOf(ensemble: Ensemble, members: readonly Member[], isLocal: boolean): ExpertWeights {
  const { executions, expertWeights: known } = ensemble
  const isKnown = known?.executions === executions.count && known.isLocal === isLocal
  if (isKnown && areSame(members, known.members)) return known
  // Of the same members the next execution's take the place of these.
  const next: ExpertWeights =
    known !== undefined && areSame(members, known.members)
      ? known
      : { executions: 0, isLocal, members, shares: sharesOf(members), fixed: undefined }
  next.executions = executions.count
  next.isLocal = isLocal
  next.fixed = undefined
  weigh(members, isLocal, next.shares)
  ensemble.expertWeights = next
  return next
}

const areSame = (a: readonly Member[], b: readonly Member[]): boolean =>
  a === b || (a.length === b.length && a.every((member, i) => member === b[i]))

const sharesOf = (members: readonly Member[]) => new Float64Array(members.length * experts.length)

/** Puts the experts' shares in the mixture in `shares`: 0 of those that do not enter. */
function weigh(members: readonly Member[], isLocal: boolean, shares: Float64Array): void {
  const scores = bestScores(members, isLocal)
  const best = scores[0] as number
  const leastEntering = learningRate * ((scores[mostExperts - 1] as number) - best)
  const leastEnteringWeight = Math.exp(leastEntering)
  const least = Math.max(leastExponent, leastEntering - rounding)
  const competing = isLocal ? experts.length : plainExperts
  let total = 0
  shares.fill(0)
  for (let m = 0; m < members.length; m++) {
    const { scores: own } = members[m] as Member
    for (let i = 0; i < competing; i++) {
      const exponent = learningRate * ((own[i] as number) - best)
      if (exponent < least) continue
      const weight = Math.exp(exponent)
      if (weight < leastEnteringWeight) continue
      shares[m * experts.length + i] = weight
      total += weight
    }
  }
  for (let at = 0; at < shares.length; at++) shares[at] = (shares[at] as number) / total
}

/** Where those that are not followed are all that there are, they are followed: it is all that can be said. */
function followedOf(predictions: Weighed[], unfollowed: Selection['unfollowed']): Weighed[] {
  if (unfollowed.size === 0) return predictions
  const followed = predictions.filter(({ strategy }) => !unfollowed.has(strategy))
  return followed.length > 0 ? followed : predictions
}

const noScores: readonly number[] = new Array<number>(mostExperts).fill(Number.NEGATIVE_INFINITY)

/** The best log scores, as many as experts enter, the best first. */
function bestScores(members: readonly Member[], isLocal: boolean): readonly number[] {
  const scores = noScores.slice()
  const competing = isLocal ? experts.length : plainExperts
  let last = Number.NEGATIVE_INFINITY
  for (const { scores: own } of members)
    for (let i = 0; i < competing; i++) {
      const score = own[i] as number
      if (!(score > last)) continue
      insert(scores, score)
      last = scores[mostExperts - 1] as number
    }
  return scores
}

/** Puts a value above the last in its place, the largest first. */
function insert(largest: number[], value: number): void {
  let at = largest.length - 1
  for (; at > 0 && (largest[at - 1] as number) < value; at--) largest[at] = largest[at - 1] as number
  largest[at] = value
}
