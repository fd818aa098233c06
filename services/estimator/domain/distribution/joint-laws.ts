import { type GrowthLaw, growthLaws } from './growth-laws.ts'

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

export interface WeighedLaw {
  readonly law: JointLaw
  /** Posterior probability. */
  readonly weight: number
}

/** Laws of less weight are left out of a record, and of a growth. */
export const leastWeight = 1e-3

/** The share of the need that grows with neither. */
export const fixedPart = ({ own, other, both }: JointLaw): number => Math.max(0, 1 - own - other - both)

/** ln of the need at e^distance and e^otherDistance times the largest values, as a multiple of that at both. */
export function logJointGrowth(law: JointLaw, distance: number, otherDistance: number): number {
  const x = Math.exp(law.exponent * distance)
  const y = Math.exp(law.otherExponent * otherDistance)
  return Math.log(fixedPart(law) + law.own * x + law.other * y + law.both * x * y)
}

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

/** The same laws, of the other feature first. */
export const jointLawsOfOther: readonly JointLaw[] = jointLaws.map((law) => ({
  ...law,
  exponent: law.otherExponent,
  otherExponent: law.exponent,
  own: law.other,
  other: law.own,
}))
