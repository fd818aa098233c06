import { clamp } from '../../../../shared/domain/clamp.ts'
import { addPair, addValue, jointMoments, moments } from '../../../../shared/domain/moments.ts'
import type { ObservedExecutions } from '../history/observed-executions.ts'
import { farthest } from '../history/range.ts'
import { alike, logLikelihood, weightOf } from './growth-laws.ts'
import {
  fixedPart,
  type JointLaw,
  jointLaws,
  jointLawsOfOther,
  leastWeight,
  logJointGrowth,
  type WeighedLaw,
} from './joint-laws.ts'

/**
 * What some executions say of the growth with two features together, going along one of them. A function of the executions, in any
 * order.
 */
export interface JointRecord {
  /** Of the other feature. */
  readonly column: number
  /** ln(largest / smallest value) of it. */
  readonly range: number
  readonly laws: readonly WeighedLaw[]
  readonly likeliest: JointLaw
  /** What the need is off by from the likeliest law: ln(need) − its logarithm, ascending. */
  readonly errors: Float64Array
  /** Standard deviation of the errors. */
  readonly scatter: number
}

/** Fewer pieces of evidence do not tell two features apart. */
const fewestPieces = 4
/** Features that nearly say the same are one: a need goes with one of two where that is more probable than 1 − this. */
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
 * The posteriors over laws of a feature and the one of the others that says most of what the feature's likeliest law leaves, by
 * column: going along the feature, where the need surely goes with the other one too, and along the other one, where it surely goes
 * with the feature too. The likelihood is that of laws of one feature. In steps of some laws each; executions that come between them
 * are not looked at.
 */
export function* jointRecords(
  executions: ObservedExecutions,
  { column, laws: ofOne }: { readonly column: number; readonly laws: readonly WeighedLaw[] },
): Generator<undefined, ReadonlyMap<number, JointRecord>> {
  const found = new Map<number, JointRecord>()
  const { law } = ofOne.reduce((a, b) => (b.weight > a.weight ? b : a))
  const other = otherColumn(executions, column, law)
  if (other === undefined) return found
  const points = evidenceOf(executions, column, other)
  const pieces = distinct(points)
  if (pieces.length < fewestPieces) return found
  const scores = yield* scoresOf(pieces)
  const along = (own: Scores, laws: readonly JointLaw[], turned: (piece: Piece) => Piece) =>
    recordOf(own, laws, points.map(turned))
  const [own, its] = [
    along(scores.own, jointLaws, (piece) => piece),
    along(scores.other, jointLawsOfOther, ({ x, y, logNeed }) => ({ x: y, y: x, logNeed })),
  ]
  if (own !== undefined) found.set(column, { column: other, ...own })
  if (its !== undefined) found.set(other, { column, ...its })
  return found
}

/** ln of the posterior by law, but for what is the same of all; −∞ of those that are ruled out. */
type Scores = Float64Array

/** Undefined where the need does not surely go with the other feature. */
function recordOf(
  scores: Scores,
  allLaws: readonly JointLaw[],
  points: readonly Piece[],
): Omit<JointRecord, 'column'> | undefined {
  const best = scores.reduce((a, b) => Math.max(a, b))
  const likeliest = allLaws[scores.indexOf(best)] as JointLaw
  const relative = scores.map((score) => Math.exp(score - best))
  const total = relative.reduce((a, b) => a + b)
  const laws: WeighedLaw[] = []
  for (let at = 0; at < allLaws.length; at++) {
    const weight = (relative[at] as number) / total
    if (weight >= leastWeight) laws.push({ law: allLaws[at] as JointLaw, weight })
  }
  const withoutOther = laws.reduce(
    (sum, { law, weight }) => sum + (law.other + law.both === 0 ? weight : 0),
    0,
  )
  if (withoutOther > mostWithout) return undefined
  const errors = points.map(({ x, y, logNeed }) => logNeed - logJointGrowth(likeliest, x, y))
  return {
    range: -Math.min(...points.map(({ y }) => y)),
    laws,
    likeliest,
    errors: Float64Array.from(errors).sort(),
    scatter: deviation(errors),
  }
}

function deviation(values: readonly number[]): number {
  const found = moments()
  for (const value of values) addValue(found, value)
  return Math.sqrt(found.squares / found.count)
}

/** A law of so much less weight than another, as a logarithm, is ruled out… */
const ruledOut = Math.log(1e6)
/** …which is looked at after so many pieces, and after twice as many each time. */
const firstPieces = 8

/** Laws scored in one step [0.2 ms of 144 pieces where none is ruled out, 4 before it is compiled]. */
const lawsAtOnce = 64

/** Going along the feature, and along the other one: pieces weigh by their order in that. */
function* scoresOf(
  pieces: readonly Piece[],
): Generator<undefined, { readonly own: Scores; readonly other: Scores }> {
  const evidence = scoredPieces(pieces)
  const own = new Float64Array(jointLaws.length).fill(Number.NEGATIVE_INFINITY)
  const other = own.slice()
  const best = { own: Number.NEGATIVE_INFINITY, other: Number.NEGATIVE_INFINITY }
  for (let from = 0; from < jointLaws.length; from += lawsAtOnce) {
    scoreLaws(from, Math.min(jointLaws.length, from + lawsAtOnce), evidence, { own, other, best })
    yield
  }
  return { own, other }
}

/** The pieces in the order in which they are looked at. */
interface ScoredPieces {
  readonly count: number
  readonly logNeeds: Float64Array
  /** Of values of either feature ÷ the largest one, to the power of an exponent. */
  readonly xOf: (exponent: number) => Float64Array
  readonly yOf: (exponent: number) => Float64Array
  readonly weights: Float64Array
  readonly otherWeights: Float64Array
}

function scoredPieces(pieces: readonly Piece[]): ScoredPieces {
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
  const places = new Float64Array(count)
  const byOther = [...pieces.keys()].sort((a, b) => (pieces[a] as Piece).y - (pieces[b] as Piece).y)
  for (const [place, i] of byOther.entries()) places[i] = place
  return {
    count,
    logNeeds,
    xOf: powersOf(({ x }) => x),
    yOf: powersOf(({ y }) => y),
    weights: order.map((i) => weightOf(i, count)),
    otherWeights: order.map((i) => weightOf(places[i] as number, count)),
  }
}

/** The errors of the laws, which take the time, are the same for both features. */
function scoreLaws(
  from: number,
  to: number,
  { count, logNeeds, xOf, yOf, weights, otherWeights }: ScoredPieces,
  scores: {
    readonly own: Scores
    readonly other: Scores
    readonly best: { own: number; other: number }
  },
): void {
  const total = (count + 1) / 2
  let { own: best, other: otherBest } = scores.best
  for (let at = from; at < to; at++) {
    const law = jointLaws[at] as JointLaw
    const { own, other, both } = law
    const fixed = fixedPart(law)
    const xs = xOf(law.exponent)
    const ys = yOf(law.otherExponent)
    let score = Number.POSITIVE_INFINITY
    let otherScore = Number.POSITIVE_INFINITY
    // In variables of their own, and the law's need written out: numbers in objects are written to memory at each step.
    let weight = 0
    let sum = 0
    let squares = 0
    let otherWeight = 0
    let otherSum = 0
    let otherSquares = 0
    for (let i = 0; i < count && (score >= best - ruledOut || otherScore >= otherBest - ruledOut); ) {
      for (const end = Math.min(count, i + Math.max(firstPieces, i)); i < end; i++) {
        const x = xs[i] as number
        const y = ys[i] as number
        const error = (logNeeds[i] as number) - Math.log(fixed + own * x + other * y + both * x * y)
        const w = weights[i] as number
        weight += w
        sum += w * error
        squares += w * error * error
        const v = otherWeights[i] as number
        otherWeight += v
        otherSum += v * error
        otherSquares += v * error * error
      }
      // Of some pieces the misfit is no more than of all.
      score = law.logPrior + logLikelihood({ total: weight, sum, squares }, total)
      const otherMisfit = { total: otherWeight, sum: otherSum, squares: otherSquares }
      otherScore = law.logPrior + logLikelihood(otherMisfit, total)
    }
    if (score >= best - ruledOut) scores.own[at] = score
    if (otherScore >= otherBest - ruledOut) scores.other[at] = otherScore
    best = Math.max(best, score)
    otherBest = Math.max(otherBest, otherScore)
  }
  Object.assign(scores.best, { own: best, other: otherBest })
}

/** The numbers below `count`, the first of them from all over. */
function spread(count: number): Float64Array {
  const order = new Float64Array(count)
  let at = 0
  for (let from = 0; from < firstPieces; from++)
    for (let i = from; i < count; i += firstPieces) order[at++] = i
  return order
}

function evidenceOf(
  { points, needs, count, largest: edges }: ObservedExecutions,
  column: number,
  other: number,
): readonly Piece[] {
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
  return found
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
