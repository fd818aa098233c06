import { clamp } from '../../../../shared/domain/clamp.ts'
import { type ObservedExecutions, orderedBy } from '../history/observed-executions.ts'
import { farthest } from '../history/range.ts'

/**
 * How a need grows with a feature: a need that is 1 at the largest value seen is 1 − share + share · r^exponent at r times
 * that value, on either side of it.
 */
export interface GrowthLaw {
  readonly exponent: number
  readonly share: number
  /** ln of its prior probability. */
  readonly logPrior: number
}

/** Prior probability that a need does not depend on the feature at all. */
const flatPrior = 0.45
/** Of the others, by exponent. */
const exponentPriors = [
  [0.5, 0.2],
  [1, 0.6],
  [1.5, 0.12],
  [2, 0.08],
] as const
/** Shares of each exponent, from a hundredth of the need to all of it: evenly in √share, and densely where little is fixed. */
const shares = [0.01, 0.04, 0.09, 0.16, 0.25, 0.36, 0.49, 0.64, 0.81, 0.91, 0.97, 1] as const
/** The last, all of it, counts so many times. */
const wholeCounts = 3

export const growthLaws: readonly GrowthLaw[] = [
  { exponent: 1, share: 0, logPrior: Math.log(flatPrior) },
  ...exponentPriors.flatMap(([exponent, prior]) =>
    shares.map((share) => {
      const part = (share === 1 ? wholeCounts : 1) / (shares.length - 1 + wholeCounts)
      return { exponent, share, logPrior: Math.log((1 - flatPrior) * prior * part) }
    }),
  ),
]

/** ln of the growth from the largest value seen to one that is e^`distance` times that; negative distances lie within. */
export const logGrowth = ({ exponent, share }: GrowthLaw, distance: number): number =>
  Math.log(1 - share + share * Math.exp(exponent * distance))

/** What some executions say of the growth laws. A function of the executions, in any order. */
export interface LawRecord {
  /** Posterior probability of each law. */
  readonly weights: Float64Array
  /** ln(largest / smallest value). */
  readonly range: number
  /** Standard deviation of ln(need) around the likeliest law. */
  readonly scatter: number
}

/** Logarithms: of value / largest value, ascending, and of the need. */
interface Evidence {
  readonly distances: Float64Array
  readonly logNeeds: Float64Array
  readonly count: number
}

/** Executions whose values differ by less, as a logarithm, are one piece of evidence: the one of them that needed most. */
export const alike = 0.05
/** No law is true to the last byte: as if two executions had been off by this much. */
const leastScatter = 0.02

/**
 * The posterior over the laws. The likelihood of a law is that of normal errors of unknown size around it: Σ w·error² to
 * the power of −Σw / 2, which is what it gets for predicting each need from those of smaller values, one by one (the
 * prequential likelihood along the feature).
 * Source: Dawid, "The Prequential Approach", JRSS A 147(2), 1984; Zellner, "An Introduction to Bayesian Inference in
 * Econometrics", 1971, § 3.2.
 */
export function lawRecord(executions: ObservedExecutions, column: number): LawRecord {
  const all = evidenceOf(executions, column)
  const scores = scoresOf(distinct(all))
  const best = Math.max(...scores)
  const relative = Float64Array.from(scores, (score) => Math.exp(score - best))
  const sum = relative.reduce((a, b) => a + b, 0)
  const likeliest = growthLaws[scores.indexOf(best)] as GrowthLaw
  const misfit = misfitOf(all, likeliest)
  return {
    weights: relative.map((weight) => weight / sum),
    range: -(all.distances[0] ?? 0),
    scatter: Math.sqrt(squaresOf(misfit) / misfit.total),
  }
}

function evidenceOf(executions: ObservedExecutions, column: number): Evidence {
  const { points, needs } = executions
  const { order, present } = orderedBy(executions, column)
  const distances = new Float64Array(present)
  const logNeeds = new Float64Array(present)
  const largest = Math.log(points[order[present - 1] as number]?.values[column] as number)
  let count = 0
  for (let i = 0; i < present; i++) {
    const value = points[order[i] as number]?.values[column] as number
    if (!(value > 0)) continue
    // The order is that of ln(1 + value), which does not tell the smallest values apart.
    distances[count] = clamp(Math.log(value) - largest, -farthest, 0)
    logNeeds[count++] = Math.log(needs[order[i] as number] as number)
  }
  return { distances, logNeeds, count }
}

function distinct({ distances, logNeeds, count }: Evidence): Evidence {
  const found = { distances: new Float64Array(count), logNeeds: new Float64Array(count), count: 0 }
  for (let i = 0; i < count; ) {
    let largest = i
    const first = distances[i] as number
    for (; i < count && (distances[i] as number) - first <= alike; i++)
      if ((logNeeds[i] as number) > (logNeeds[largest] as number)) largest = i
    found.distances[found.count] = distances[largest] as number
    found.logNeeds[found.count++] = logNeeds[largest] as number
  }
  return found
}

/** Of the errors of a law whose level is the best. */
export interface Misfit {
  /** Of all weights, of the weighted errors, and of their weighted squares. */
  total: number
  sum: number
  squares: number
}

export const noMisfit = (): Misfit => ({ total: 0, sum: 0, squares: 0 })

export function addError(to: Misfit, weight: number, error: number): void {
  to.total += weight
  to.sum += weight * error
  to.squares += weight * error * error
}

const squaresOf = ({ total, sum, squares }: Misfit): number => Math.max(0, squares - (sum * sum) / total)

/** `total`: of the weights of all the evidence. Law: the more of it the misfit is of, the less. */
export const logLikelihood = (misfit: Misfit, total = misfit.total): number =>
  -(total / 2) * Math.log((squaresOf(misfit) + 2 * leastScatter ** 2) / (total + 2))

/** Of the i-th of so many pieces of evidence, by the value of the feature: what lies beyond is most like the largest. */
export const weightOf = (i: number, count: number): number => (i + 1) / count

/** ln of the posterior of each law, but for what is the same of all. */
function scoresOf({ distances, logNeeds, count }: Evidence): readonly number[] {
  const powers = new Map<number, Float64Array>()
  return growthLaws.map(({ exponent, share, logPrior }) => {
    const xs = powers.get(exponent) ?? distances.map((distance) => Math.exp(exponent * distance))
    powers.set(exponent, xs)
    const misfit = noMisfit()
    for (let i = 0; i < count; i++) {
      const error = (logNeeds[i] as number) - Math.log(1 - share + share * (xs[i] as number))
      addError(misfit, weightOf(i, count), error)
    }
    return logPrior + logLikelihood(misfit)
  })
}

function misfitOf({ distances, logNeeds, count }: Evidence, law: GrowthLaw): Misfit {
  const misfit = noMisfit()
  for (let i = 0; i < count; i++)
    addError(misfit, 1, (logNeeds[i] as number) - logGrowth(law, distances[i] as number))
  return misfit
}
