import { resourceLimits } from '../../../shared/domain/resources.ts'
import { boundPriors, highestBound } from './bounds-below.ts'
import type { DimensionModel, Guard, Track } from './dimension-model.ts'
import { type Distribution, mixture, type Part, type Prior, quantile } from './distribution.ts'
import type { Point } from './encoding.ts'
import { widestKernel } from './residuals.ts'
import { nearness, type Recollection, views } from './views.ts'

/** Share of a log score that counts: the strategies see the same executions, so their evidence is not independent. */
const learningRate = 0.5
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10
/** Voices that enter a mixture: the best few, none of less than this weight. */
const mostParts = 4
const leastWeight = 0.02
/** Weight of a broad component that keeps a surprise from being infinitely surprising. */
const broad = 0.02

/** A prediction that may be used, or undefined: it abstained, or failed. Nonsense is a failure, for the guard to see. */
function predicted(model: DimensionModel, track: Track, point: Point, guard: Guard): number | undefined {
  return guard(track.strategy, () => {
    const value = track.learner.predict(point)
    if (value !== undefined && !(value > 0 && value <= nonsense * resourceLimits[model.dimension])) {
      throw new RangeError(`answered ${value}`)
    }
    return value
  })
}

/** One strategy's say in a mixture. */
export interface Vote {
  readonly track: Track
  readonly prediction: number
  /** Share in the mixture, over all views; 0 = left out. */
  readonly weight: number
  readonly byView: readonly number[]
  readonly memory: Memory
}

/** The executions remembered, as they count for one point. */
interface Memory {
  readonly recollection: Recollection
  readonly near: Float64Array
  readonly nearby: boolean
  /** Of all executions: see `totalsOf`. */
  readonly totals: Float64Array
}

function memoryOf(model: DimensionModel, point: Point): Memory {
  const { recollection: held } = model
  const near = new Float64Array(held.count)
  const nearby = nearness(held, model.relevance.best(), model.labelling.best(), point, near)
  const totals = new Float64Array(2 * views)
  addUp(held, near, nearby, undefined, held.count, totals)
  return { recollection: held, near, nearby, totals }
}

/**
 * What every usable strategy predicts, weighted by how well it has foretold. Empty when all abstain. Those in `unfollowed`
 * are heard without weight.
 */
export function votes(
  model: DimensionModel,
  point: Point,
  usable: (strategy: string) => boolean,
  unfollowed: Pick<ReadonlySet<string>, 'has'>,
  guard: Guard,
): readonly Vote[] {
  const memory = memoryOf(model, point)
  const heard: { track: Track; prediction: number; weight: number; byView: number[]; memory: Memory }[] = []
  const heardViews = memory.nearby ? views : 2
  let best = Number.NEGATIVE_INFINITY
  for (const track of model.tracks) {
    if (!usable(track.strategy)) continue
    const prediction = predicted(model, track, point, guard)
    if (prediction === undefined) continue
    heard.push({ track, prediction, weight: 0, byView: [0, 0, 0, 0], memory })
    if (unfollowed.has(track.strategy)) continue
    for (let v = 0; v < heardViews; v++) best = Math.max(best, track.scores[v] as number)
  }
  const all: number[] = []
  let total = 0
  for (const { track, byView } of heard) {
    if (unfollowed.has(track.strategy)) continue
    for (let v = 0; v < heardViews; v++) {
      const w = Math.exp(learningRate * ((track.scores[v] as number) - best))
      byView[v] = w
      total += w
      all.push(w)
    }
  }
  const least = Math.max(leastWeight * total, nthLargest(all, mostParts))
  let kept = 0
  for (const { byView } of heard)
    for (let v = 0; v < heardViews; v++) {
      if ((byView[v] as number) < least) byView[v] = 0
      kept += byView[v] as number
    }
  if (kept > 0)
    for (const vote of heard)
      for (let v = 0; v < heardViews; v++) {
        vote.byView[v] = (vote.byView[v] as number) / kept
        vote.weight += vote.byView[v] as number
      }
  return heard
}

/** 0 where there are fewer. Leaves them in another order. */
function nthLargest(values: number[], n: number): number {
  if (values.length < n) return 0
  for (let rank = 0; rank < n; rank++) {
    let at = rank
    for (let i = rank + 1; i < values.length; i++) if ((values[i] as number) > (values[at] as number)) at = i
    const largest = values[at] as number
    values[at] = values[rank] as number
    values[rank] = largest
  }
  return values[n - 1] as number
}

/** What is believed before there are residuals: Laplace of this scale, in mass worth half an average execution. */
const priorScale = (n: number): number => 0.6 / (1 + 0.1 * n)
const priorExecutions = 0.5

/** Per view: weight of some executions, or of the first `count`, and how many executions' worth that is: (Σw)² / Σw². */
function addUp(
  { slow, fast }: Recollection,
  near: Float64Array,
  nearby: boolean,
  some: Int32Array | undefined,
  count: number,
  out: Float64Array,
): void {
  let [s, f, ns, nf, s2, f2, ns2, nf2] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const o = some === undefined ? i : (some[i] as number)
    const a = slow[o] as number
    const b = fast[o] as number
    s += a
    f += b
    s2 += a * a
    f2 += b * b
    if (!nearby) continue
    const c = a * (near[o] as number)
    const d = b * (near[o] as number)
    ns += c
    nf += d
    ns2 += c * c
    nf2 += d * d
  }
  out[0] = s
  out[1] = f
  out[2] = ns
  out[3] = nf
  out[4] = s2 > 0 ? (s * s) / s2 : 0
  out[5] = f2 > 0 ? (f * f) / f2 : 0
  out[6] = ns2 > 0 ? (ns * ns) / ns2 : 0
  out[7] = nf2 > 0 ? (nf * nf) / nf2 : 0
}

/** Of the executions that a strategy has foretold: mostly all of them. */
export function totalsOf(
  { residuals: r }: Track,
  { recollection, near, nearby, totals }: Memory,
): Float64Array {
  if (r.count === recollection.count) return totals
  const own = new Float64Array(2 * views)
  addUp(recollection, near, nearby, r.origin, r.count, own)
  return own
}

const mass = (total: number, executions: number): number =>
  executions > 0 ? (priorExecutions * total) / executions : 1

/** The mixture of what was heard. */
export function combined(heard: readonly Vote[], model: DimensionModel): Distribution {
  const parts: Part[] = []
  const priors: Prior[] = []
  for (const { track, prediction, weight, byView, memory } of heard) {
    if (weight === 0) continue
    const t = totalsOf(track, memory)
    const { slow, fast } = memory.recollection
    const shift = Math.log(prediction)
    const scale = new Float64Array(views)
    for (let v = 0; v < views; v++) {
      const w = byView[v] as number
      if (w === 0) continue
      const total = t[v] as number
      const executions = t[views + v] as number
      const prior = mass(total, executions)
      scale[v] = w / (total + prior)
      priors.push({ shift, scale: priorScale(executions), share: (prior * w) / (total + prior) })
    }
    const shares = new Float64Array(memory.near.length)
    for (let i = 0; i < shares.length; i++) {
      const near = memory.near[i] as number
      shares[i] =
        (slow[i] as number) * ((scale[0] as number) + (scale[2] as number) * near) +
        (fast[i] as number) * ((scale[1] as number) + (scale[3] as number) * near)
    }
    parts.push({ residuals: track.residuals, shift, shares })
  }
  let top = Math.log(model.largest)
  for (const { shift } of parts) if (shift > top) top = shift
  const room = 0.1 + 0.5 / Math.sqrt(model.observed)
  const believed = mixture(parts, priors, top + room)
  // Below the median they say nothing new.
  const middle = quantile(believed, 0.5)
  const surprising = model.exceeded.filter(({ bound }) => bound >= middle)
  if (surprising.length === 0) return believed
  const limit = Math.max(top, Math.log(highestBound(surprising))) + room
  return mixture(parts, [...priors, ...boundPriors(surprising, model.observed)], limit)
}

/** Of one strategy's residuals by view: density and distribution function at `x`. */
export interface Foretold {
  readonly density: Float64Array
  readonly below: Float64Array
}

/** The distribution function is only asked of a strategy that is heard: `ranked`. */
export function foretold(
  { residuals: { values, origin, widths, count } }: Track,
  { recollection: { slow, fast }, near, nearby }: Memory,
  x: number,
  t: Float64Array,
  ranked: boolean,
  out: Foretold,
): void {
  let [below0, below1, below2, below3] = [0, 0, 0, 0]
  let [density0, density1, density2, density3] = [0, 0, 0, 0]
  const start = ranked ? 0 : firstAbove(values, count, x - widestReach)
  for (let i = start; i < count; i++) {
    const distance = x - (values[i] as number)
    if (distance <= -widestReach) break
    const reach = 1.5 * (widths[i] as number)
    if (distance <= -reach) continue
    const o = origin[i] as number
    const a = slow[o] as number
    const b = fast[o] as number
    const n = nearby ? (near[o] as number) : 0
    const u = distance / reach
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
  for (let v = 0; v < (nearby ? views : 2); v++) {
    const total = t[v] as number
    const executions = t[views + v] as number
    const prior = mass(total, executions)
    const scale = 0.5 * priorScale(executions)
    const tail = 0.5 * Math.exp(-size / scale)
    const laplace = x < 0 ? tail : 1 - tail
    const all = total + prior
    density[v] = (1 - broad) * (((density[v] as number) + (prior * tail) / scale) / all) + far
    below[v] = ((below[v] as number) + prior * laplace) / all
  }
}

/** No kernel reaches farther. */
const widestReach = 1.5 * widestKernel

function firstAbove(values: Float64Array, count: number, x: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] as number) > x) high = middle
    else low = middle + 1
  }
  return low
}
