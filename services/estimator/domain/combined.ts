import { shortfall } from '../../../shared/domain/shortfall.ts'
import { type BoundBelow, boundPriors, highestBound } from './bounds-below.ts'
import type { DimensionModel } from './dimension-model.ts'
import { type Distribution, quantile } from './distribution.ts'
import { mixture, type Part, type Prior, type Runtimes, workspace } from './mixture.ts'
import { roomAfter } from './unforeseen.ts'
import { views } from './views.ts'
import type { Vote } from './votes.ts'
import { priorMass, priorScale, totalsOf } from './weighting.ts'

/** What is believed of the next need, and what of those under way was not foretold. */
export interface Outlook {
  readonly need: Distribution
  readonly surprises: readonly number[]
}

/** One answer is made at a time, dimension by dimension. */
const made = workspace()

/** `running`: what executions under way use so far. Valid until the next is made. */
export function combined(heard: readonly Vote[], model: DimensionModel, running: readonly number[]): Outlook {
  const { kernel } = model
  const parts: Part[] = []
  const priors: Prior[] = []
  const byNearness = heard.some(({ byView }) => (byView[2] as number) + (byView[3] as number) > 0)
  for (const { track, prediction, weight, byView, weighting } of heard) {
    if (weight === 0) continue
    const t = totalsOf(track, weighting, byNearness)
    const { slow, fast } = weighting.recollection
    const shift = Math.log(prediction)
    const by = [0, 0, 0, 0]
    for (let v = 0; v < views; v++) {
      const w = byView[v] as number
      if (w === 0) continue
      const total = t[v] as number
      const executions = t[views + v] as number
      const mass = priorMass(total, executions)
      by[v] = w / (total + mass)
      const own = (mass * w) / (total + mass)
      priors.push({ shift, scale: priorScale(executions), share: own })
    }
    const [bySlow, byFast, bySlowNear, byFastNear] = by as [number, number, number, number]
    const shares = { slow, fast, near: weighting.near, bySlow, byFast, bySlowNear, byFastNear }
    parts.push({ residuals: track.residuals, shift, shares })
  }
  let top = Math.log(model.largest)
  for (const { shift } of parts) if (shift > top) top = shift
  const room = roomAfter(model.observed)
  const runtimes = runtimesOf(model)
  const believed = mixture(parts, priors, { limit: top + room, kernel, runtimes }, made)
  const surprises = surprising(running, believed)
  const bounds = [...killedAt(model, believed), ...surprises.map((bound) => ({ bound, weight: 1 }))]
  if (bounds.length === 0) return { need: believed, surprises }
  const limit = Math.max(top, Math.log(highestBound(bounds))) + room
  const widened = [...priors, ...boundPriors(bounds, model.observed)]
  return { need: mixture(parts, widened, { limit, kernel, runtimes }, made), surprises }
}

/** Where a failure loses what was held for the run time, and run times are known. */
function runtimesOf({
  dimension,
  recollection,
  runtimeSum,
  runtimeCount,
}: DimensionModel): Runtimes | undefined {
  if (shortfall[dimension] !== 'kill' || runtimeCount === 0) return undefined
  return { each: recollection.runtimes, mean: runtimeSum / runtimeCount }
}

/** What killed attempts say. Below the median that is nothing new. */
function killedAt({ exceeded }: DimensionModel, believed: Distribution): readonly BoundBelow[] {
  if (exceeded.length === 0) return exceeded
  const middle = quantile(believed, 0.5)
  return exceeded.filter(({ bound }) => bound >= middle)
}

/** So many count, the largest. */
const mostRunning = 16

/** What is used already and next to nobody was believed to need. What is likely anyhow is no news. */
function surprising(running: readonly number[], believed: Distribution): readonly number[] {
  if (running.length === 0) return running
  const usual = quantile(believed, 0.95)
  return running
    .filter((peak) => peak > usual)
    .sort((a, b) => b - a)
    .slice(0, mostRunning)
}
