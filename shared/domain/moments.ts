/**
 * Running means, variances and products of deviations, one value at a time, without the cancellation of sums of squares.
 * Unit: that of the values; squares and products in its square.
 * Law: equal to the moments computed from all values at once, but for rounding.
 * Source: Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", Technometrics 4(3), 1962;
 * with weights: West, "Updating Mean and Variance Estimates: An Improved Method", CACM 22(9), 1979.
 */
export interface Moments {
  count: number
  mean: number
  /** Sum of squared deviations from the mean. */
  squares: number
}

export const moments = (): Moments => ({ count: 0, mean: 0, squares: 0 })

/** Adds one value in place. Returns what it added to `squares`, for a sum of squares within several groups. */
export function addValue(to: Moments, value: number): number {
  to.count++
  const deviation = value - to.mean
  to.mean += deviation / to.count
  const added = deviation * (value - to.mean)
  to.squares += added
  return added
}

/** Moments of pairs: what a regression of y on x, or their correlation, is made of. */
export interface JointMoments {
  count: number
  meanX: number
  meanY: number
  squaresX: number
  squaresY: number
  /** Sum of the products of the deviations of x and y from their means. */
  products: number
}

export const jointMoments = (): JointMoments => ({
  count: 0,
  meanX: 0,
  meanY: 0,
  squaresX: 0,
  squaresY: 0,
  products: 0,
})

/** Adds one pair in place. */
export function addPair(to: JointMoments, x: number, y: number): void {
  to.count++
  const deviationX = x - to.meanX
  const deviationY = y - to.meanY
  to.meanX += deviationX / to.count
  to.meanY += deviationY / to.count
  to.squaresX += deviationX * (x - to.meanX)
  to.products += deviationX * (y - to.meanY)
  to.squaresY += deviationY * (y - to.meanY)
}

/** A weighted mean with one value more, whose share of all weight is `share`. */
export const meanWith = (mean: number, value: number, share: number): number => mean + (value - mean) * share

/** The population variance about the weighted mean with one value more; `mean` is the one before it. */
export const varianceWith = (variance: number, mean: number, value: number, share: number): number =>
  (1 - share) * (variance + share * (value - mean) ** 2)
