import { clamp } from '../../../../shared/domain/clamp.ts'
import { addPair, addValue, jointMoments, moments } from '../../../../shared/domain/moments.ts'
import type { ObservedExecutions } from '../history/observed-executions.ts'
import { farthest } from '../history/range.ts'
import { addError, alike, logLikelihood, noMisfit, weightOf } from './growth-laws.ts'
import {
  grownBy,
  type JointLaw,
  jointLaws,
  leastWeight,
  logJointGrowth,
  type WeighedLaw,
} from './joint-laws.ts'

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
  const found = moments()
  for (const value of values) addValue(found, value)
  return Math.sqrt(found.squares / found.count)
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
