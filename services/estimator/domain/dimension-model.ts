import { type Dimension, resourceLimits } from '../../../shared/domain/resources.ts'
import { type Appetite, balanced } from './appetite.ts'
import { type Calibration, calibration, observeRank } from './calibration.ts'
import { type Distribution, distribution, probability } from './distribution.ts'
import { type Point, type Relevance, relevance } from './encoding.ts'
import { headroom, type Stakes } from './headroom.ts'
import { note, type Residuals, residuals } from './residuals.ts'
import { clamp, type Learner, type Registry } from './strategy.ts'

/**
 * How too small an allocation hurts: `kill` = the execution dies and is run again (memory, disk, GPU memory);
 * `throttle` = it runs slower (CPU); `none` = nothing is allocated (duration: the estimate is the median).
 */
export const shortfall = {
  cpuCores: 'throttle',
  memoryBytes: 'kill',
  diskBytes: 'kill',
  gpuMemoryBytes: 'kill',
  durationMs: 'none',
} as const satisfies Record<Dimension, 'kill' | 'throttle' | 'none'>

/** Runs one strategy's code; answers undefined when its breaker is open or it failed. The default just runs it. */
export type Guard = <T>(strategy: string, run: () => T) => T | undefined
export const unguarded: Guard = (_strategy, run) => run()

/** One strategy within one dimension of one task: its learner, its residuals, what choosing it would have cost. */
export interface Track {
  readonly strategy: string
  readonly learner: Learner
  readonly residuals: Residuals
  cost: number
  scored: number
  /** Of its allocations, how many would have sufficed (decayed with the cost). */
  sufficed: number
  distribution: Distribution | undefined
}

/**
 * What is learned of one dimension of one task. Grows in place, by `extendDimension` alone.
 * Law: a function of the observations given so far, in order.
 */
export interface DimensionModel {
  readonly dimension: Dimension
  readonly relevance: Relevance
  tracks: readonly Track[]
  observed: number
  largest: number
  smallest: number
  /** Largest amount at which an execution is known to have failed: a lower bound of some need. */
  exceeded: number
  runtimeSum: number
  runtimeCount: number
  readonly calibration: Calibration
}

const costDecay = 0.98
const failureMs = 30_000
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10

export function dimensionModel(dimension: Dimension, registry: Registry, guard: Guard): DimensionModel {
  const telling = relevance()
  const tracks: Track[] = []
  for (const [strategy, { start }] of Object.entries(registry)) {
    const learner = guard(strategy, () => start({ primary: telling.best }))
    if (learner)
      tracks.push({
        strategy,
        learner,
        residuals: residuals(),
        cost: 0,
        scored: 0,
        sufficed: 0,
        distribution: undefined,
      })
  }
  return {
    dimension,
    relevance: telling,
    tracks,
    observed: 0,
    largest: 0,
    smallest: Number.POSITIVE_INFINITY,
    exceeded: 0,
    runtimeSum: 0,
    runtimeCount: 0,
    calibration: calibration(),
  }
}

export function stakes(model: DimensionModel): Stakes {
  const runtime = model.runtimeCount > 0 ? model.runtimeSum / model.runtimeCount : Number.POSITIVE_INFINITY
  return { timeToFailure: 1, failurePrice: 1 + Math.min(20, failureMs / runtime) }
}

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

export function distributionOf(track: Track): Distribution {
  track.distribution ??= distribution(track.residuals)
  return track.distribution
}

/** The factor on this prediction at this appetite. */
export const margin = (model: DimensionModel, track: Track, prediction: number, appetite: Appetite): number =>
  headroom(distributionOf(track), stakes(model), model.largest / prediction, appetite)

/** What comes after `failed` did not suffice: the largest need seen if that is clearly more, else double. */
export const nextRung = (largest: number, failed: number): number =>
  largest > failed * 1.05 ? largest : failed * 2

/** Runtime-weighted waste of allocating `a` for `need`, failures and retries included. */
function realisedCost(a: number, need: number, runtime: number, s: Stakes, largest: number): number {
  let cost = 0
  for (let tries = 0; a < need && tries < 64; tries++) {
    cost += a * (s.timeToFailure + s.failurePrice)
    a = nextRung(largest, a)
  }
  return (cost + Math.max(0, a - need)) * runtime
}

/** Scores every strategy against the actual, then lets it learn. `runtimeMs` undefined = unknown. */
export function extendDimension(
  model: DimensionModel,
  point: Point,
  need: number,
  runtimeMs: number | undefined,
  guard: Guard,
): void {
  const s = stakes(model)
  const runtime = runtimeMs ?? (model.runtimeCount > 0 ? model.runtimeSum / model.runtimeCount : 1)
  const weight = Math.sqrt(Math.max(runtime, 1e-3))
  const kind = shortfall[model.dimension]
  const { chosen } = choose(model, point, always, none, guard)
  if (chosen)
    observeRank(
      model.calibration,
      probability(distributionOf(chosen.track), Math.log(need / chosen.prediction)),
    )
  const kept: Track[] = []
  for (const track of model.tracks) {
    const p = predicted(model, track, point, guard)
    if (p !== undefined) {
      const residual = clamp(Math.log(need) - Math.log(p), -30, 30)
      if (kind === 'kill') {
        const a = p * margin(model, track, p, balanced)
        track.cost = track.cost * costDecay + realisedCost(a, need, runtime, s, model.largest)
        track.sufficed = track.sufficed * costDecay + (a >= need ? 1 : 0)
      } else {
        track.cost = track.cost * costDecay + Math.min(3, Math.abs(residual))
      }
      track.scored = track.scored * costDecay + 1
      note(track.residuals, residual, kind === 'kill' ? weight : 1, model.observed)
    }
  }
  for (const track of model.tracks) {
    const learned = guard(track.strategy, () => {
      track.learner.observe(point, need)
      return true
    })
    track.distribution = undefined
    if (learned) kept.push(track)
  }
  model.tracks = kept
  model.relevance.observe(point, need)
  model.observed++
  if (need > model.largest) model.largest = need
  if (need < model.smallest) model.smallest = need
  if (runtimeMs !== undefined) {
    model.runtimeSum += runtimeMs
    model.runtimeCount++
  }
}

const always = (): boolean => true
const none: ReadonlySet<string> = new Set()

export interface Chosen {
  readonly track: Track
  readonly prediction: number
}

/**
 * Every usable strategy's prediction, and the one that has cost least so far. Those in `unfollowed` are heard, and
 * followed only where there is no other.
 */
export function choose(
  model: DimensionModel,
  point: Point,
  usable: (strategy: string) => boolean,
  unfollowed: ReadonlySet<string>,
  guard: Guard,
): { readonly chosen: Chosen | undefined; readonly predictions: readonly Chosen[] } {
  const predictions = model.tracks.flatMap((track) => {
    const prediction = usable(track.strategy) ? predicted(model, track, point, guard) : undefined
    return prediction === undefined ? [] : { track, prediction }
  })
  const followed = predictions.filter(({ track }) => !unfollowed.has(track.strategy))
  return { chosen: cheapest(followed) ?? cheapest(predictions), predictions }
}

function cheapest(candidates: readonly Chosen[]): Chosen | undefined {
  let best: Chosen | undefined
  for (const candidate of candidates) {
    // One that has been scored less often has had less chance to cost anything: compare means.
    if (best === undefined || mean(candidate.track) < mean(best.track)) best = candidate
  }
  return best
}

const mean = (track: Track): number => (track.scored > 0 ? track.cost / track.scored : 0)
