import { shortfall } from '../../../shared/domain/shortfall.ts'
import { type BoundBelow, boundPriors, highestBound } from './bounds-below.ts'
import type { DimensionModel } from './dimension-model.ts'
import { type Distribution, type Part, type Prior, quantile } from './distribution.ts'
import type { Outlook } from './expected-cost.ts'
import { mixture } from './mixture.ts'
import { views } from './views.ts'
import type { Vote } from './votes.ts'
import { priorMass, priorScale, totalsOf } from './weighting.ts'

/** `running`: what executions under way use so far. */
export function combined(
  heard: readonly Vote[],
  model: DimensionModel,
  running: readonly number[],
): Outlook & { readonly surprises: readonly number[] } {
  const parts: Part[] = []
  const priors: Prior[] = []
  const byNearness = heard.some(({ byView }) => (byView[2] as number) + (byView[3] as number) > 0)
  for (const { track, prediction, weight, byView, weighting } of heard) {
    if (weight === 0) continue
    const t = totalsOf(track, weighting, byNearness)
    const { slow, fast } = weighting.recollection
    const shift = Math.log(prediction)
    const scale = [0, 0, 0, 0]
    for (let v = 0; v < views; v++) {
      const w = byView[v] as number
      if (w === 0) continue
      const total = t[v] as number
      const executions = t[views + v] as number
      const mass = priorMass(total, executions)
      scale[v] = w / (total + mass)
      priors.push({ shift, scale: priorScale(executions), share: (mass * w) / (total + mass) })
    }
    const [bySlow, byFast, bySlowNear, byFastNear] = scale as [number, number, number, number]
    const shares = { slow, fast, near: weighting.near, bySlow, byFast, bySlowNear, byFastNear }
    parts.push({ residuals: track.residuals, shift, shares })
  }
  let top = Math.log(model.largest)
  for (const { shift } of parts) if (shift > top) top = shift
  const room = 0.1 + 0.5 / Math.sqrt(model.observed)
  const believed = mixture(parts, priors, top + room, model.workspace, model.kernel)
  const surprises = surprising(running, believed)
  const bounds = [...killedAt(model, believed), ...surprises.map((bound) => ({ bound, weight: 1 }))]
  if (bounds.length === 0) return { ...outlookOf(believed, priors, top + room, model), surprises }
  const limit = Math.max(top, Math.log(highestBound(bounds))) + room
  const widened = [...priors, ...boundPriors(bounds, model.observed)]
  const doubted = mixture(parts, widened, limit, model.workspace, model.kernel)
  return { ...outlookOf(doubted, widened, limit, model), surprises }
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
