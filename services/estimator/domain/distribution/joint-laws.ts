import { clamp } from '../../../../shared/domain/clamp.ts'
import { addPair, jointMoments } from '../../../../shared/domain/moments.ts'
import type { ObservedExecutions } from '../history/observed-executions.ts'
import { farthest } from '../history/range.ts'
import {
  addError,
  alike,
  type GrowthLaw,
  growthLaws,
  logLikelihood,
  noMisfit,
  weightOf,
} from './growth-laws.ts'

/**
 * How a need grows with two features: at r and q times the largest values it is 1 − own − other − both + own · x + other · y +
 * both · x · y times that at both, with x = r^exponent and y = q^otherExponent.
 */
export interface JointLaw {
  readonly exponent: number
  readonly otherExponent: number
  /** Shares of the need: what grows with the feature that the record is of, with the other one, and with their product. */
  readonly own: number
  readonly other: number
  readonly both: number
  /** ln of its prior probability. */
  readonly logPrior: number
}

/** What some executions say of the growth with two features together. A function of the executions, in any order. */
export interface JointRecord {
  /** Of the other feature. */
  readonly column: number
  /** ln of its largest value. */
  readonly largest: number
  /** ln(largest / smallest value) of it. */
  readonly range: number
  readonly laws: readonly WeighedLaw[]
  readonly likeliest: JointLaw
  /** What the need is off by from the likeliest law: ln(need) − its logarithm, ascending. */
  readonly errors: Float64Array
  /** Standard deviation of the errors. */
  readonly scatter: number
}

export interface WeighedLaw {
  readonly law: JointLaw
  /** Posterior probability. */
  readonly weight: number
}

const grownBy = ({ own, other, both }: JointLaw, x: number, y: number): number =>
  Math.log(Math.max(0, 1 - own - other - both) + own * x + other * y + both * x * y)

/** ln of the need at e^distance and e^otherDistance times the largest values, as a multiple of that at both. */
export const logJointGrowth = (law: JointLaw, distance: number, otherDistance: number): number =>
  grownBy(law, Math.exp(law.exponent * distance), Math.exp(law.otherExponent * otherDistance))

/** A law of one feature, whatever the other is. */
export const alone = ({ exponent, share, logPrior }: GrowthLaw): JointLaw => ({
  exponent,
  otherExponent: 1,
  own: share,
  other: 0,
  both: 0,
  logPrior,
})

/** Prior probabilities: that a need grows with the feature alone or not at all, with the other alone, and with both. */
const ofOne = 0.5
const ofOther = 0.2
const ofProducts = 0.1
const ofScaled = 0.1
const ofSums = 0.1

const exponentPriors = [
  [0.5, 0.25],
  [1, 0.65],
  [2, 0.1],
] as const
const shares = [0.3, 0.6, 0.8, 0.92, 1] as const
/** Of a product with a fixed part: evenly where that is half of the need, densely where it is little. */
const scaledShares = [0.2, 0.4, 0.55, 0.7, 0.8, 0.88, 0.94, 0.97] as const
/** Of a sum: how much of the need is fixed, and which part of the rest grows with the feature. */
const fixedShares = [0, 0.05, 0.2, 0.5] as const
const parts = Array.from({ length: 10 }, (_, i) => 0.05 + 0.1 * i)

type Shares = Pick<JointLaw, 'own' | 'other' | 'both'>

/** Pairs that are less probable are left out: the more laws, the longer the first query beyond the range. */
const leastPair = 0.05
const exponentPairs = exponentPriors
  .flatMap(([exponent, likely]) =>
    exponentPriors.map(([otherExponent, otherLikely]) => ({
      exponent,
      otherExponent,
      prior: likely * otherLikely,
    })),
  )
  .filter(({ prior }) => prior >= leastPair)
const ofPairs = exponentPairs.reduce((sum, { prior }) => sum + prior, 0)

/** Laws of all pairs of exponents with these shares, which are as probable as each other and `prior` together. */
const lawsOf = (prior: number, of: readonly Shares[]): readonly JointLaw[] =>
  exponentPairs.flatMap(({ exponent, otherExponent, prior: ofPair }) =>
    of.map((shares) => ({
      exponent,
      otherExponent,
      ...shares,
      logPrior: Math.log((prior * ofPair) / (ofPairs * of.length)),
    })),
  )

export const jointLaws: readonly JointLaw[] = [
  ...growthLaws.map((law) => ({ ...alone(law), logPrior: Math.log(ofOne) + law.logPrior })),
  ...exponentPriors.flatMap(([otherExponent, likely]) =>
    shares.map((share) => ({
      exponent: 1,
      otherExponent,
      own: 0,
      other: share,
      both: 0,
      logPrior: Math.log((ofOther * likely) / shares.length),
    })),
  ),
  // (1 − s + s · x) · (1 − t + t · y)
  ...lawsOf(
    ofProducts,
    shares.flatMap((s) => shares.map((t) => ({ own: s * (1 - t), other: t * (1 - s), both: s * t }))),
  ),
  // 1 − s + s · x · y
  ...lawsOf(
    ofScaled,
    scaledShares.map((both) => ({ own: 0, other: 0, both })),
  ),
  // 1 − s − t + s · x + t · y
  ...lawsOf(
    ofSums,
    fixedShares.flatMap((fixed) =>
      parts.map((part) => ({ own: part * (1 - fixed), other: (1 - part) * (1 - fixed), both: 0 })),
    ),
  ),
]

/** Laws of less weight are left out. */
const leastWeight = 1e-3
/** Fewer pieces of evidence do not tell two features apart. */
const fewestPieces = 4
/** Features that nearly say the same are one: a need grows with two where that is more probable than 1 − this. */
const mostWithout = 0.05
/** A feature is the other one where it explains so much of what the likeliest law leaves, and executions have it as often. */
const leastExplained = 0.1
const leastShare = 0.5

/** Logarithms: of value / largest value of both features, and of the need. */
interface Piece {
  readonly x: number
  readonly y: number
  readonly logNeed: number
}

/**
 * The posterior over laws of a feature and the one of the others that says most of what the feature's likeliest law leaves.
 * Undefined where none surely does. The likelihood is that of laws of one feature.
 */
export function jointRecord(
  executions: ObservedExecutions,
  { column, laws: ofOne }: { readonly column: number; readonly laws: readonly WeighedLaw[] },
): JointRecord | undefined {
  const { law } = ofOne.reduce((a, b) => (b.weight > a.weight ? b : a))
  const other = otherColumn(executions, column, law)
  if (other === undefined) return undefined
  const { points, range, largest } = evidenceOf(executions, column, other)
  const pieces = distinct(points)
  if (pieces.length < fewestPieces) return undefined
  const scored = scoredLaws(pieces)
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a))
  const weighed = scored.map(({ law, score }) => ({ law, weight: Math.exp(score - best.score) }))
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0)
  const laws = weighed
    .map(({ law, weight }) => ({ law, weight: weight / total }))
    .filter(({ weight }) => weight >= leastWeight)
  const withoutOther = laws.reduce(
    (sum, { law, weight }) => sum + (law.other + law.both === 0 ? weight : 0),
    0,
  )
  if (withoutOther > mostWithout) return undefined
  const errors = points.map(({ x, y, logNeed }) => logNeed - logJointGrowth(best.law, x, y))
  return {
    column: other,
    largest,
    range,
    laws,
    likeliest: best.law,
    errors: Float64Array.from(errors).sort(),
    scatter: deviation(errors),
  }
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** A law of so much less weight than another, as a logarithm, is ruled out… */
const ruledOut = Math.log(1e6)
/** …which is looked at after so many pieces. */
const piecesAtOnce = 8

/** ln of the posterior of each law that is not ruled out, but for what is the same of all. */
function scoredLaws(pieces: readonly Piece[]): readonly { readonly law: JointLaw; readonly score: number }[] {
  const count = pieces.length
  const order = spread(count)
  const logNeeds = order.map((i) => (pieces[i] as Piece).logNeed)
  const powersOf = (distanceOf: (piece: Piece) => number) => {
    const known = new Map<number, Float64Array>()
    return (exponent: number) => {
      const powers =
        known.get(exponent) ?? order.map((i) => Math.exp(exponent * distanceOf(pieces[i] as Piece)))
      known.set(exponent, powers)
      return powers
    }
  }
  const [xOf, yOf] = [powersOf(({ x }) => x), powersOf(({ y }) => y)]
  const scored: { readonly law: JointLaw; readonly score: number }[] = []
  let best = Number.NEGATIVE_INFINITY
  for (const law of jointLaws) {
    const [xs, ys] = [xOf(law.exponent), yOf(law.otherExponent)]
    const misfit = noMisfit()
    let score = Number.POSITIVE_INFINITY
    for (let i = 0; i < count && score >= best - ruledOut; ) {
      for (const end = Math.min(count, i + piecesAtOnce); i < end; i++) {
        const error = (logNeeds[i] as number) - grownBy(law, xs[i] as number, ys[i] as number)
        addError(misfit, weightOf(order[i] as number, count), error)
      }
      // Of some pieces the misfit is no more than of all.
      score = law.logPrior + logLikelihood(misfit, (count + 1) / 2)
    }
    if (score < best - ruledOut) continue
    scored.push({ law, score })
    best = Math.max(best, score)
  }
  return scored
}

/** The numbers below `count`, the first of them from all over. */
function spread(count: number): Float64Array {
  const order = new Float64Array(count)
  let at = 0
  for (let from = 0; from < piecesAtOnce; from++)
    for (let i = from; i < count; i += piecesAtOnce) order[at++] = i
  return order
}

function evidenceOf(
  { points, needs, count, largest: edges }: ObservedExecutions,
  column: number,
  other: number,
): { readonly points: readonly Piece[]; readonly largest: number; readonly range: number } {
  const edge = Math.log(edges[column] as number)
  const largest = Math.log(edges[other] as number)
  const found: Piece[] = []
  for (let i = 0; i < count; i++) {
    const [own, its] = [points[i]?.values[column] ?? 0, points[i]?.values[other] ?? 0]
    if (!(own > 0 && its > 0)) continue
    const x = clamp(Math.log(own) - edge, -farthest, 0)
    const y = clamp(Math.log(its) - largest, -farthest, 0)
    found.push({ x, y, logNeed: Math.log(needs[i] as number) })
  }
  found.sort((a, b) => a.x - b.x || a.y - b.y || a.logNeed - b.logNeed)
  return { points: found, largest, range: -Math.min(...found.map(({ y }) => y)) }
}

/** Of executions alike in both features the one that needed most. */
function distinct(points: readonly Piece[]): readonly Piece[] {
  const found: Piece[] = []
  let first = 0
  for (const point of points) {
    while (first < found.length && point.x - (found[first] as Piece).x > alike) first++
    let at = first
    while (at < found.length && Math.abs((found[at] as Piece).y - point.y) > alike) at++
    if (at === found.length) found.push(point)
    else if (point.logNeed > (found[at] as Piece).logNeed)
      found[at] = { ...(found[at] as Piece), logNeed: point.logNeed }
  }
  return found
}

/** Correlates what the law leaves with the logarithms of the other features. */
function otherColumn(
  { points, needs, count, largest }: ObservedExecutions,
  column: number,
  likeliest: JointLaw,
): number | undefined {
  const edge = Math.log(largest[column] as number)
  const left = points.map(({ values }, i) => {
    const x = clamp(Math.log(Math.max(0, values[column] ?? 0)) - edge, -farthest, 0)
    return Math.log(needs[i] as number) - logJointGrowth(likeliest, x, 0)
  })
  let best: number | undefined
  let most = leastExplained
  for (let other = 0; other < largest.length; other++) {
    if (other === column || !((largest[other] as number) > 0)) continue
    const pair = jointMoments()
    for (let i = 0; i < count; i++) {
      const values = points[i]?.values ?? []
      if ((values[column] ?? 0) > 0 && (values[other] ?? 0) > 0)
        addPair(pair, Math.log(values[other] as number), left[i] as number)
    }
    const { count: n, squaresX, squaresY, products } = pair
    if (n < leastShare * count || !(squaresX > 1e-12 && squaresY > 1e-12)) continue
    const explained = ((products * products) / (squaresX * squaresY)) * (n / (n + 2))
    if (explained <= most) continue
    most = explained
    best = other
  }
  return best
}
