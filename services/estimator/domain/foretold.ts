import type { Track } from './dimension-model.ts'
import { firstReaching } from './residuals.ts'
import { plainViews, views } from './views.ts'
import { priorMass, priorScale, type Totals, type Weighting } from './weighting.ts'

/** Weight of a broad component that keeps a surprise from being infinitely surprising. */
const broad = 0.02

/** Of one strategy's residuals by view: density and distribution function at `x`. */
export interface Foretold {
  readonly density: Float64Array
  readonly below: Float64Array
}

/** The distribution function is only asked of a strategy that is heard: `ranked`. */
export function foretold(
  { residuals }: Track,
  { recollection: { slow, fast }, near, nearby }: Weighting,
  x: number,
  t: Totals,
  ranked: boolean,
  out: Foretold,
): void {
  const { values, origin, widths, count } = residuals
  let [below0, below1, below2, below3] = [0, 0, 0, 0]
  let [density0, density1, density2, density3] = [0, 0, 0, 0]
  const start = firstReaching(residuals, 0, reachOf, x)
  if (ranked)
    for (let i = 0; i < start; i++) {
      const o = origin[i] as number
      const a = slow[o] as number
      const b = fast[o] as number
      const n = nearby ? (near[o] as number) : 0
      below0 += a
      below1 += b
      below2 += a * n
      below3 += b * n
    }
  for (let i = start; i < count; i++) {
    const reach = reachOf * (widths[i] as number)
    const u = (x - (values[i] as number)) / reach
    if (u <= -1) break
    const o = origin[i] as number
    const a = slow[o] as number
    const b = fast[o] as number
    const n = nearby ? (near[o] as number) : 0
    const cdf = u >= 1 ? 1 : u < 0 ? 0.5 * (1 + u) * (1 + u) : 1 - 0.5 * (1 - u) * (1 - u)
    below0 += a * cdf
    below1 += b * cdf
    below2 += a * n * cdf
    below3 += b * n * cdf
    if (u >= 1) continue
    const d = (1 - Math.abs(u)) / reach
    density0 += a * d
    density1 += b * d
    density2 += a * n * d
    density3 += b * n * d
  }
  const { density, below } = out
  density[0] = density0
  density[1] = density1
  density[2] = density2
  density[3] = density3
  below[0] = below0
  below[1] = below1
  below[2] = below2
  below[3] = below3
  const size = Math.abs(x)
  const far = broad * 0.5 * Math.exp(-size)
  for (let v = 0; v < (nearby ? views : plainViews); v++) {
    const total = t[v] as number
    const executions = t[views + v] as number
    const mass = priorMass(total, executions)
    const scale = 0.5 * priorScale(executions)
    const tail = 0.5 * Math.exp(-size / scale)
    const laplace = x < 0 ? tail : 1 - tail
    const all = total + mass
    density[v] = (1 - broad) * (((density[v] as number) + (mass * tail) / scale) / all) + far
    below[v] = ((below[v] as number) + mass * laplace) / all
  }
}

/** A kernel is a triangle that reaches so many of its widths to either side. */
const reachOf = 1.5
