import type { Dimension } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'
import { type BoundBelow, settleBounds } from './bounds-below.ts'
import { type Calibration, calibration, observeRank } from './calibration.ts'
import { type LabelRelevance, labelRelevance, type Point, type Relevance, relevance } from './encoding.ts'
import type { Stakes } from './expected-cost.ts'
import { foretold } from './foretold.ts'
import { neighbourhood } from './neighbours.ts'
import { type Kernel, leaning, note, pointed, type Residuals, residuals } from './residuals.ts'
import { clamp, type Learner, type Registry } from './strategy.ts'
import {
  fastFading,
  plainViews,
  type Recalled,
  type Recollection,
  recall,
  recollection,
  slowFading,
  views,
} from './views.ts'
import { type Vote, votes } from './votes.ts'
import { totalsOf } from './weighting.ts'

/** Runs one strategy's code; answers undefined when its breaker is open or it failed. The default just runs it. */
export type Guard = <T>(strategy: string, run: () => T) => T | undefined
export const unguarded: Guard = (_strategy, run) => run()

/** One strategy within one dimension of one task: its learner, its residuals, its prequential log scores. */
export interface Track {
  readonly strategy: string
  readonly learner: Learner
  readonly residuals: Residuals
  /** By view: decayed sum of ln(density given to what then happened): what the mixture's weights are made of. */
  readonly scores: Float64Array
  /** Of the weights of the executions that it has foretold, slowly and fast forgotten, and of their squares. */
  readonly sums: Float64Array
}

/**
 * What is learned of one dimension of one task. Grows in place, by `extendDimension` alone.
 * Law: a function of the observations given so far, in order.
 */
export interface DimensionModel {
  readonly dimension: Dimension
  readonly relevance: Relevance
  readonly labelling: LabelRelevance
  readonly recollection: Recollection
  readonly calibration: Calibration
  readonly kernel: Kernel
  tracks: readonly Track[]
  observed: number
  largest: number
  /** What the attempts killed of late are known to have needed more than, oldest first. */
  readonly exceeded: BoundBelow[]
  /** Milliseconds, each at least 1 as in the recollection. */
  runtimeSum: number
  runtimeCount: number
}

const scoreDecay = 0.97
/** A single execution moves a score by at most this, up or down. */
const scoreLimit = 6

/** What a failure is charged on top, in runs of a typical need… */
const failurePrice = 0.5
/** …and as if so much time were lost, of at least so much memory, at most so many runs of it: the price of starting again. */
const restartMs = 60_000
const restartBytes = 5e8
const mostRestart = 20

export function dimensionModel(dimension: Dimension, registry: Registry, guard: Guard): DimensionModel {
  const telling = relevance()
  const held = recollection()
  const near = neighbourhood(held)
  const setting = { primary: telling.best, neighbours: (point: Point) => near.find(telling.best(), point) }
  const tracks: Track[] = []
  for (const [strategy, { start }] of Object.entries(registry)) {
    const learner = guard(strategy, () => start(setting))
    if (learner)
      tracks.push({
        strategy,
        learner,
        residuals: residuals(),
        scores: new Float64Array(views),
        sums: new Float64Array(4),
      })
  }
  return {
    dimension,
    relevance: telling,
    labelling: labelRelevance(),
    recollection: held,
    calibration: calibration(),
    kernel: shortfall[dimension] === 'kill' ? leaning : pointed,
    tracks,
    observed: 0,
    largest: 0,
    exceeded: [],
    runtimeSum: 0,
    runtimeCount: 0,
  }
}

/** `surprises`: what executions under way use beyond what was believed; a retry goes at least there. */
export function stakes(model: DimensionModel, surprises: readonly number[] = []): Stakes {
  const runtime = model.runtimeCount > 0 ? model.runtimeSum / model.runtimeCount : Number.POSITIVE_INFINITY
  return {
    timeToFailure: 1,
    failurePrice,
    restartPrice: Math.min(mostRestart, restartMs / runtime),
    restartAmount: restartBytes,
    largest: Math.max(model.largest, ...surprises),
  }
}

/** What an execution has shown of one dimension. */
export interface Observed {
  readonly point: Point
  readonly need: number
  /** Unset: not known. */
  readonly runtimeMs?: number | undefined
  readonly attempt: number
}

/** Scores every strategy against the actual, then lets it learn. */
export function extendDimension(model: DimensionModel, observed: Observed, guard: Guard): void {
  const { point, need, runtimeMs, attempt } = observed
  const runtime = runtimeMs ?? (model.runtimeCount > 0 ? model.runtimeSum / model.runtimeCount : 0)
  const fading = { slow: slowFading ** -model.observed, fast: fastFading ** -model.observed }
  score(model, votes(model, point, always, none, guard), Math.log(need), fading)
  recall(model.recollection, { point, need, runtime: Math.max(runtime, 1), ...fading })
  model.tracks = model.tracks.filter(({ strategy, learner }) =>
    guard(strategy, () => {
      learner.observe(point, need)
      return true
    }),
  )
  model.relevance.observe(point, need)
  model.labelling.observe(point, need)
  model.observed++
  if (need > model.largest) model.largest = need
  settleBounds(model.exceeded, need, attempt)
  if (runtimeMs === undefined) return
  const known = Math.max(runtimeMs, 1)
  if (model.runtimeCount === 0) model.recollection.runtimes.fill(known, 0, model.observed)
  model.runtimeSum += known
  model.runtimeCount++
}

/** Used by one call at a time. */
const told = { density: new Float64Array(views), below: new Float64Array(views) }
const gains = new Float64Array(views)

/** Notes of each strategy heard how well it has foretold the need, and of the mixture where in it the need lies. */
function score(model: DimensionModel, heard: readonly Vote[], logNeed: number, fading: Fading): void {
  let rank = 0
  for (const { track, prediction, weight, byView, weighting } of heard) {
    const { nearby } = weighting
    const residual = clamp(logNeed - Math.log(prediction), -30, 30)
    foretold(track, weighting, residual, totalsOf(track, weighting, nearby), weight > 0, told)
    const { scores } = track
    for (let v = 0; v < views; v++) {
      if (v < plainViews || nearby) {
        rank += (byView[v] as number) * (told.below[v] as number)
        gains[v] = clamp(Math.log(told.density[v] as number), -scoreLimit, scoreLimit)
      } else gains[v] = gains[v - plainViews] as number
      scores[v] = (scores[v] as number) * scoreDecay + (gains[v] as number)
    }
    note(track.residuals, residual, model.observed)
    addWeights(track, fading)
  }
  if (heard.length > 0) observeRank(model.calibration, Math.min(1, rank))
}

type Fading = Pick<Recalled, 'slow' | 'fast'>

function addWeights({ sums }: Track, { slow, fast }: Fading): void {
  sums[0] = (sums[0] as number) + slow
  sums[1] = (sums[1] as number) + fast
  sums[2] = (sums[2] as number) + slow * slow
  sums[3] = (sums[3] as number) + fast * fast
}

const always = (): boolean => true
const none: ReadonlySet<string> = new Set()
