import { resourceLimits } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'
import { boundPriors, highestBound } from './bounds-below.ts'
import type { DimensionModel, Guard, Track } from './dimension-model.ts'
import { type Distribution, type Part, type Prior, quantile } from './distribution.ts'
import type { Point } from './encoding.ts'
import type { Outlook } from './expected-cost.ts'
import { mixture } from './mixture.ts'
import type { Residuals } from './residuals.ts'
import { nearness, type Recollection, views } from './views.ts'

/** Share of a log score that counts: the strategies see the same executions, so their evidence is not independent. */
const learningRate = 0.5
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10
/** Voices that enter a mixture: the best few, none of less than this weight. */
const mostParts = 4
const leastWeight = 0.02
/** Below this exponent a voice weighs nothing. */
const faintest = -12

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

/** The executions remembered, as they count for one point: valid until another is asked about. */
export interface Memory {
  readonly recollection: Recollection
  readonly near: Float64Array
  readonly nearby: boolean
  /** Of the weights by nearness of all executions from a number on, as far as was asked: see `totalsOf`. */
  readonly known: { readonly first: number; readonly sums: Sums }[]
}

function memoryOf(model: DimensionModel, point: Point): Memory {
  const { recollection: held } = model
  const { near } = held
  const nearby = nearness(held, model.relevance.best(), model.labelling.best(), point, near)
  return { recollection: held, near, nearby, known: [] }
}

/**
 * What every usable strategy predicts, weighted by how well it has foretold. Empty when all abstain. Those in `unfollowed`
 * are heard without weight, unless there are no others.
 */
export function votes(
  model: DimensionModel,
  point: Point,
  usable: (strategy: string) => boolean,
  unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>,
  guard: Guard,
): readonly Vote[] {
  const memory = memoryOf(model, point)
  const heard: { track: Track; prediction: number; weight: number; byView: number[]; memory: Memory }[] = []
  const heardViews = memory.nearby ? views : 2
  for (const track of model.tracks) {
    if (!usable(track.strategy)) continue
    const prediction = predicted(model, track, point, guard)
    if (prediction !== undefined) heard.push({ track, prediction, weight: 0, byView: [0, 0, 0, 0], memory })
  }
  const followed = followedOf(heard, unfollowed)
  let best = Number.NEGATIVE_INFINITY
  for (const { track } of followed)
    for (let v = 0; v < heardViews; v++) best = Math.max(best, track.scores[v] as number)
  const largest = [0, 0, 0, 0]
  let total = 0
  for (const { track, byView } of followed) {
    for (let v = 0; v < heardViews; v++) {
      const exponent = learningRate * ((track.scores[v] as number) - best)
      const w = exponent < faintest ? 0 : Math.exp(exponent)
      byView[v] = w
      if (w === 0) continue
      total += w
      enter(largest, w)
    }
  }
  const least = Math.max(leastWeight * total, largest[mostParts - 1] as number)
  let kept = 0
  for (const { byView } of heard)
    for (let v = 0; v < heardViews; v++) {
      if ((byView[v] as number) < least) byView[v] = 0
      else kept += byView[v] as number
    }
  if (kept > 0)
    for (const vote of heard)
      for (let v = 0; v < heardViews; v++) {
        vote.byView[v] = (vote.byView[v] as number) / kept
        vote.weight += vote.byView[v] as number
      }
  return heard
}

/** Where those that are not followed are all that were heard, they are followed: it is all that can be said. */
function followedOf<V extends Vote>(
  heard: readonly V[],
  unfollowed: Pick<ReadonlySet<string>, 'has' | 'size'>,
): readonly V[] {
  if (unfollowed.size === 0) return heard
  const followed = heard.filter(({ track }) => !unfollowed.has(track.strategy))
  return followed.length > 0 ? followed : heard
}

/** Keeps the largest, the largest first. */
function enter(largest: number[], value: number): void {
  let at = largest.length - 1
  if (value <= (largest[at] as number)) return
  for (; at > 0 && (largest[at - 1] as number) < value; at--) largest[at] = largest[at - 1] as number
  largest[at] = value
}

/** What is believed before there are residuals: Laplace of this scale, in mass worth half an average execution. */
export const priorScale = (n: number): number => 0.6 / (1 + 0.1 * n)
const priorExecutions = 0.5

/** Per view: weight of some executions, and how many executions' worth that is: (Σw)² / Σw². */
export type Totals = readonly number[]

/** Of the executions that a strategy has foretold: mostly all from some number on. */
export function totalsOf({ residuals: r, sums }: Track, memory: Memory, nearby: boolean): Totals {
  const [slow, fast, slow2, fast2] = sums as unknown as [number, number, number, number]
  const [near, latest, near2, latest2] = nearby ? nearSums(r, memory) : nothing
  return [
    slow,
    fast,
    near,
    latest,
    worth(slow, slow2),
    worth(fast, fast2),
    worth(near, near2),
    worth(latest, latest2),
  ]
}

type Sums = readonly [number, number, number, number]
const nothing: Sums = [0, 0, 0, 0]

function nearSums(r: Residuals, { recollection, near, known }: Memory): Sums {
  const { count } = recollection
  if (r.count !== count - r.first) return addUp(recollection, near, r.origin, 0, r.count)
  for (const { first, sums } of known) if (first === r.first) return sums
  const sums = addUp(recollection, near, undefined, r.first, count)
  known.push({ first: r.first, sums })
  return sums
}

function addUp(
  { slow, fast }: Recollection,
  near: Float64Array,
  some: Int32Array | undefined,
  from: number,
  to: number,
): Sums {
  let [s, f, s2, f2] = [0, 0, 0, 0]
  for (let i = from; i < to; i++) {
    const o = some === undefined ? i : (some[i] as number)
    const n = near[o] as number
    const a = (slow[o] as number) * n
    const b = (fast[o] as number) * n
    s += a
    f += b
    s2 += a * a
    f2 += b * b
  }
  return [s, f, s2, f2]
}

const worth = (sum: number, squares: number): number => (squares > 0 ? (sum * sum) / squares : 0)

export const mass = (total: number, executions: number): number =>
  executions > 0 ? (priorExecutions * total) / executions : 1

/** The mixture of what was heard. */
export function combined(heard: readonly Vote[], model: DimensionModel): Outlook {
  const parts: Part[] = []
  const priors: Prior[] = []
  const byNearness = heard.some(({ byView }) => (byView[2] as number) + (byView[3] as number) > 0)
  for (const { track, prediction, weight, byView, memory } of heard) {
    if (weight === 0) continue
    const t = totalsOf(track, memory, byNearness)
    const { slow, fast } = memory.recollection
    const shift = Math.log(prediction)
    const scale = [0, 0, 0, 0]
    for (let v = 0; v < views; v++) {
      const w = byView[v] as number
      if (w === 0) continue
      const total = t[v] as number
      const executions = t[views + v] as number
      const prior = mass(total, executions)
      scale[v] = w / (total + prior)
      priors.push({ shift, scale: priorScale(executions), share: (prior * w) / (total + prior) })
    }
    const [bySlow, byFast, bySlowNear, byFastNear] = scale as [number, number, number, number]
    const shares = { slow, fast, near: memory.near, bySlow, byFast, bySlowNear, byFastNear }
    parts.push({ residuals: track.residuals, shift, shares })
  }
  let top = Math.log(model.largest)
  for (const { shift } of parts) if (shift > top) top = shift
  const room = 0.1 + 0.5 / Math.sqrt(model.observed)
  const believed = mixture(parts, priors, top + room, model.workspace, model.kernel)
  if (model.exceeded.length === 0) return outlookOf(believed, priors, top + room, model)
  // Below the median they say nothing new.
  const middle = quantile(believed, 0.5)
  const surprising = model.exceeded.filter(({ bound }) => bound >= middle)
  if (surprising.length === 0) return outlookOf(believed, priors, top + room, model)
  const limit = Math.max(top, Math.log(highestBound(surprising))) + room
  const widened = [...priors, ...boundPriors(surprising, model.observed)]
  const doubted = mixture(parts, widened, limit, model.workspace, model.kernel)
  return outlookOf(doubted, widened, limit, model)
}

/** The same atoms, each weighed by how long its execution ran; where that does not matter or is not known, the same. */
function outlookOf(
  need: Distribution,
  priors: readonly Prior[],
  limit: number,
  { dimension, recollection, runtimeSum, runtimeCount, runtimeWorkspace, kernel }: DimensionModel,
): Outlook {
  if (shortfall[dimension] !== 'kill' || runtimeCount === 0) return { need, runtime: need }
  const mean = runtimeSum / runtimeCount
  const runtime = mixture(
    need.parts.map((part) => ({ ...part, factors: recollection.runtimes })),
    priors.map((prior) => ({ ...prior, share: prior.share * mean })),
    limit,
    runtimeWorkspace,
    kernel,
  )
  return { need, runtime }
}
