import { firstReaching } from '../distribution/residuals.ts'
import type { ByWeighting, SampleWeights } from '../history/sample-weights.ts'
import type { EffectiveSample } from './effective-sample.ts'
import { experts, type Member, plainExperts } from './expert.ts'
import { priorMass, priorScale } from './prior.ts'

/** Laplace distributions around 0 that stand beside a member's residuals. By expert. */
export interface ExpertPriors {
  readonly masses: Float64Array
  readonly scales: Float64Array
  /** With the weight of the residuals. */
  readonly totals: Float64Array
}

export const expertPriors = (): ExpertPriors => ({
  masses: new Float64Array(experts.length),
  scales: new Float64Array(experts.length),
  totals: new Float64Array(experts.length),
})

/** Of samples of these sizes; the local ones where there is anything to be near in. */
export function measurePriors(
  samples: ByWeighting<EffectiveSample>,
  isLocal: boolean,
  { masses, scales, totals }: ExpertPriors,
): void {
  for (let e = 0; e < (isLocal ? experts.length : plainExperts); e++) {
    const sample = samples[(experts[e] as (typeof experts)[number]).weighting]
    const mass = priorMass(sample)
    masses[e] = mass
    scales[e] = 0.5 * priorScale(sample)
    totals[e] = sample.total + mass
  }
}

/** The predictive densities of a member's experts, and P(residual ≤ x), at one residual. By expert. */
export interface Evaluations {
  readonly densities: Float64Array
  readonly cumulatives: Float64Array
  /** P(residual ≤ −|x|) of the priors. */
  readonly tails: Float64Array
}

export const evaluations = (): Evaluations => ({
  densities: new Float64Array(experts.length),
  cumulatives: new Float64Array(experts.length),
  tails: new Float64Array(experts.length),
})

/** A kernel is a triangle that reaches so many of its widths to either side. */
const reachInWidths = 1.5
/** Weight of a broad component that keeps a surprise from being infinitely surprising. */
const broadWeight = 0.02

/**
 * Evaluates the experts of a member at residual `x`: kernel density estimate of its residuals under each weighting, the
 * prior, and a broad component. With nothing to be near in, a local expert is the plain one. The cumulatives are only right with
 * `withCumulatives`.
 */
export function evaluate(
  { residuals }: Member,
  weights: SampleWeights,
  x: number,
  priors: ExpertPriors,
  withCumulatives: boolean,
  out: Evaluations,
): void {
  const { slow, fast, proximity, isLocal } = weights
  const { values, execution, widths, count } = residuals
  const { densities } = out
  let atSlow = 0
  let atFast = 0
  let atSlowLocal = 0
  let atFastLocal = 0
  const start = firstReaching(residuals, reachInWidths, x)
  for (let i = start; i < count; i++) {
    const reach = reachInWidths * (widths[i] as number)
    const u = (x - (values[i] as number)) / reach
    if (u <= -1) break
    if (u >= 1) continue
    const e = execution[i] as number
    const s = slow[e] as number
    const f = fast[e] as number
    const at = (1 - Math.abs(u)) / reach
    atSlow += s * at
    atFast += f * at
    if (!isLocal) continue
    const near = proximity[e] as number
    atSlowLocal += s * near * at
    atFastLocal += f * near * at
  }
  const distance = Math.abs(x)
  const broad = broadWeight * 0.5 * Math.exp(-distance)
  densities[0] = densityOf(0, atSlow, distance, broad, priors, out)
  densities[1] = densityOf(1, atFast, distance, broad, priors, out)
  densities[2] = isLocal ? densityOf(2, atSlowLocal, distance, broad, priors, out) : densities[0]
  densities[3] = isLocal ? densityOf(3, atFastLocal, distance, broad, priors, out) : densities[1]
  if (withCumulatives) accumulate(residuals, weights, x, start, priors, out)
}

/** Puts a weighted sum of the kernels together with the prior. */
function densityOf(
  expert: number,
  at: number,
  distance: number,
  broad: number,
  { masses, scales, totals }: ExpertPriors,
  { tails }: Evaluations,
): number {
  const scale = scales[expert] as number
  const tail = 0.5 * Math.exp(-distance / scale)
  tails[expert] = tail
  return (
    (1 - broadWeight) * ((at + ((masses[expert] as number) * tail) / scale) / (totals[expert] as number)) +
    broad
  )
}

/** `start`: the first residual whose kernel ends above `x`. */
function accumulate(
  { values, execution, widths, count }: Member['residuals'],
  { slow, fast, proximity, isLocal }: SampleWeights,
  x: number,
  start: number,
  priors: ExpertPriors,
  out: Evaluations,
): void {
  const { cumulatives } = out
  let belowSlow = 0
  let belowFast = 0
  let belowSlowLocal = 0
  let belowFastLocal = 0
  for (let i = 0; i < count; i++) {
    let below = 1
    if (i >= start) {
      const u = (x - (values[i] as number)) / (reachInWidths * (widths[i] as number))
      if (u <= -1) break
      below = u >= 1 ? 1 : u < 0 ? 0.5 * (1 + u) * (1 + u) : 1 - 0.5 * (1 - u) * (1 - u)
    }
    const e = execution[i] as number
    const s = slow[e] as number
    const f = fast[e] as number
    belowSlow += s * below
    belowFast += f * below
    if (!isLocal) continue
    const near = proximity[e] as number
    belowSlowLocal += s * near * below
    belowFastLocal += f * near * below
  }
  cumulatives[0] = cumulativeOf(0, belowSlow, x, priors, out)
  cumulatives[1] = cumulativeOf(1, belowFast, x, priors, out)
  cumulatives[2] = isLocal ? cumulativeOf(2, belowSlowLocal, x, priors, out) : cumulatives[0]
  cumulatives[3] = isLocal ? cumulativeOf(3, belowFastLocal, x, priors, out) : cumulatives[1]
}

function cumulativeOf(
  expert: number,
  below: number,
  x: number,
  { masses, totals }: ExpertPriors,
  { tails }: Evaluations,
): number {
  const tail = tails[expert] as number
  const ofPrior = (masses[expert] as number) * (x < 0 ? tail : 1 - tail)
  return (below + ofPrior) / (totals[expert] as number)
}
