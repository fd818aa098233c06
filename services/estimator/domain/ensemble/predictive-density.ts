import { firstReaching } from '../distribution/residuals.ts'
import type { ByWeighting, SampleWeights } from '../history/sample-weights.ts'
import type { EffectiveSample } from './effective-sample.ts'
import type { Member } from './expert.ts'
import { priorMass, priorScale } from './prior.ts'

/** An expert's predictive density, and P(residual ≤ x), at one residual. */
export interface Evaluation {
  density: number
  cumulative: number
}

export const evaluations = (): ByWeighting<Evaluation> => ({
  slow: { density: 0, cumulative: 0 },
  fast: { density: 0, cumulative: 0 },
  slowLocal: { density: 0, cumulative: 0 },
  fastLocal: { density: 0, cumulative: 0 },
})

/** A kernel is a triangle that reaches so many of its widths to either side. */
const reachInWidths = 1.5
/** Weight of a broad component that keeps a surprise from being infinitely surprising. */
const broadWeight = 0.02

/**
 * Evaluates the experts of a member at residual `x`, all in one pass: kernel density estimate of its residuals under each
 * weighting, the prior, and a broad component. The local experts are evaluated where there is anything to be near in; the
 * cumulative is only right with `withCumulative`.
 */
export function evaluate(
  { residuals }: Member,
  { slow, fast, proximity, isLocal }: SampleWeights,
  x: number,
  samples: ByWeighting<EffectiveSample>,
  withCumulative: boolean,
  out: ByWeighting<Evaluation>,
): void {
  const { values, execution, widths, count } = residuals
  let belowSlow = 0
  let belowFast = 0
  let belowSlowLocal = 0
  let belowFastLocal = 0
  let atSlow = 0
  let atFast = 0
  let atSlowLocal = 0
  let atFastLocal = 0
  const start = firstReaching(residuals, reachInWidths, x)
  if (withCumulative)
    for (let i = 0; i < start; i++) {
      const e = execution[i] as number
      const near = isLocal ? (proximity[e] as number) : 0
      const s = slow[e] as number
      const f = fast[e] as number
      belowSlow += s
      belowFast += f
      belowSlowLocal += s * near
      belowFastLocal += f * near
    }
  for (let i = start; i < count; i++) {
    const reach = reachInWidths * (widths[i] as number)
    const u = (x - (values[i] as number)) / reach
    if (u <= -1) break
    const e = execution[i] as number
    const near = isLocal ? (proximity[e] as number) : 0
    const s = slow[e] as number
    const f = fast[e] as number
    const below = u >= 1 ? 1 : u < 0 ? 0.5 * (1 + u) * (1 + u) : 1 - 0.5 * (1 - u) * (1 - u)
    belowSlow += s * below
    belowFast += f * below
    belowSlowLocal += s * near * below
    belowFastLocal += f * near * below
    if (u >= 1) continue
    const at = (1 - Math.abs(u)) / reach
    atSlow += s * at
    atFast += f * at
    atSlowLocal += s * near * at
    atFastLocal += f * near * at
  }
  const broad = broadWeight * 0.5 * Math.exp(-Math.abs(x))
  withPrior(out.slow, samples.slow, atSlow, belowSlow, x, broad)
  withPrior(out.fast, samples.fast, atFast, belowFast, x, broad)
  if (!isLocal) return
  withPrior(out.slowLocal, samples.slowLocal, atSlowLocal, belowSlowLocal, x, broad)
  withPrior(out.fastLocal, samples.fastLocal, atFastLocal, belowFastLocal, x, broad)
}

/** Puts weighted sums of the kernels together with the prior, a Laplace distribution around 0. */
function withPrior(
  out: Evaluation,
  sample: EffectiveSample,
  at: number,
  below: number,
  x: number,
  broad: number,
): void {
  const mass = priorMass(sample)
  const scale = 0.5 * priorScale(sample)
  const tail = 0.5 * Math.exp(-Math.abs(x) / scale)
  const total = sample.total + mass
  out.density = (1 - broadWeight) * ((at + (mass * tail) / scale) / total) + broad
  out.cumulative = (below + mass * (x < 0 ? tail : 1 - tail)) / total
}
