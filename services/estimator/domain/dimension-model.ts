import { type Dimension, resourceLimits } from '../../../shared/domain/resources.ts'
import { type Calibration, calibration, observeRank } from './calibration.ts'
import { type Atoms, atomsOf, type Distribution, mixture, only, probability } from './distribution.ts'
import { type Point, type Relevance, relevance } from './encoding.ts'
import type { Stakes } from './headroom.ts'
import { density, note, type Residuals, residuals } from './residuals.ts'
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

/** One strategy within one dimension of one task: its learner, its residuals, its prequential log score. */
export interface Track {
  readonly strategy: string
  readonly learner: Learner
  readonly residuals: Residuals
  /** Decayed sum of ln(density given to what then happened): what the mixture's weights are made of. */
  score: number
  /** Decayed sum of |residual| and of 1: for reports. */
  error: number
  scored: number
  atoms: Atoms | undefined
}

/**
 * What is learned of one dimension of one task. Grows in place, by `extendDimension` alone.
 * Law: a function of the observations given so far, in order.
 */
export interface DimensionModel {
  readonly dimension: Dimension
  readonly relevance: Relevance
  readonly calibration: Calibration
  tracks: readonly Track[]
  observed: number
  largest: number
  /** Largest amount at which an execution is known to have failed: a lower bound of some need. */
  exceeded: number
  runtimeSum: number
  runtimeCount: number
}

const scoreDecay = 0.97
/** A single execution moves a score by at most this, up or down. */
const scoreLimit = 6
/** Share of a log score that counts: the strategies see the same executions, so their evidence is not independent. */
const learningRate = 0.5
const failureMs = 30_000
/** A prediction beyond this many times the largest amount that may be reported is no prediction. */
const nonsense = 10
/** Strategies that enter a mixture: the best few, none of less than this weight. */
const mostParts = 4
const leastWeight = 0.02

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
        score: 0,
        error: 0,
        scored: 0,
        atoms: undefined,
      })
  }
  return {
    dimension,
    relevance: telling,
    calibration: calibration(),
    tracks,
    observed: 0,
    largest: 0,
    exceeded: 0,
    runtimeSum: 0,
    runtimeCount: 0,
  }
}

export function stakes(model: DimensionModel): Stakes {
  const runtime = model.runtimeCount > 0 ? model.runtimeSum / model.runtimeCount : Number.POSITIVE_INFINITY
  return { timeToFailure: 1, failurePrice: 1 + Math.min(20, failureMs / runtime), largest: model.largest }
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

export const atomsFor = (track: Track): Atoms => (track.atoms ??= atomsOf(track.residuals))

/** One strategy's say in a mixture. */
export interface Vote {
  readonly track: Track
  readonly prediction: number
  /** Share in the mixture; 0 = left out. */
  readonly weight: number
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
  const heard: { track: Track; prediction: number; weight: number }[] = []
  let best = Number.NEGATIVE_INFINITY
  for (const track of model.tracks) {
    if (!usable(track.strategy)) continue
    const prediction = predicted(model, track, point, guard)
    if (prediction === undefined) continue
    heard.push({ track, prediction, weight: 0 })
    if (track.score > best && !unfollowed.has(track.strategy)) best = track.score
  }
  let total = 0
  for (const vote of heard) {
    if (unfollowed.has(vote.track.strategy)) continue
    vote.weight = Math.exp(learningRate * (vote.track.score - best))
    total += vote.weight
  }
  const ranked = heard.map((v) => v.weight).sort((a, b) => b - a)
  const least = Math.max(leastWeight * total, ranked[mostParts - 1] ?? 0)
  let kept = 0
  for (const vote of heard) {
    if (vote.weight < least) vote.weight = 0
    kept += vote.weight
  }
  if (kept > 0) for (const vote of heard) vote.weight /= kept
  return heard
}

/** The mixture of what was heard. */
export const combined = (heard: readonly Vote[]): Distribution =>
  mixture(
    heard
      .filter((v) => v.weight > 0)
      .map((v) => ({ atoms: atomsFor(v.track), shift: Math.log(v.prediction), weight: v.weight })),
  )

export const alone = (vote: Vote): Distribution => only(atomsFor(vote.track), Math.log(vote.prediction))

/** Scores every strategy against the actual, then lets it learn. `runtimeMs` undefined = unknown. */
export function extendDimension(
  model: DimensionModel,
  point: Point,
  need: number,
  runtimeMs: number | undefined,
  guard: Guard,
): void {
  const runtime = runtimeMs ?? (model.runtimeCount > 0 ? model.runtimeSum / model.runtimeCount : 1)
  const weight = shortfall[model.dimension] === 'kill' ? Math.sqrt(Math.max(runtime, 1)) : 1
  const logNeed = Math.log(need)
  const heard = votes(model, point, always, none, guard)
  if (heard.length > 0) observeRank(model.calibration, probability(combined(heard), logNeed))
  for (const { track, prediction } of heard) {
    const r = clamp(logNeed - Math.log(prediction), -30, 30)
    track.score =
      track.score * scoreDecay + clamp(Math.log(density(track.residuals, r)), -scoreLimit, scoreLimit)
    track.error = track.error * scoreDecay + Math.min(3, Math.abs(r))
    track.scored = track.scored * scoreDecay + 1
    note(track.residuals, r, weight, model.observed)
    track.atoms = undefined
  }
  const kept: Track[] = []
  for (const track of model.tracks) {
    if (
      guard(track.strategy, () => {
        track.learner.observe(point, need)
        return true
      })
    )
      kept.push(track)
  }
  model.tracks = kept
  model.relevance.observe(point, need)
  model.observed++
  if (need > model.largest) model.largest = need
  if (runtimeMs !== undefined) {
    model.runtimeSum += runtimeMs
    model.runtimeCount++
  }
}

const always = (): boolean => true
const none: ReadonlySet<string> = new Set()
