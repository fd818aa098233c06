import type { StrategyPrediction } from '../../../shared/domain/estimate.ts'
import type { Policy } from '../../../shared/domain/policy.ts'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'
import { appetiteOf } from './appetite.ts'
import { rawFor } from './calibration.ts'
import type { Case, Formed, QueryGuard } from './case.ts'
import { coldStart } from './cold-start.ts'
import { combined } from './combined.ts'
import { stakes } from './dimension-model.ts'
import { quantile } from './distribution.ts'
import type { Stakes } from './expected-cost.ts'
import { headroom } from './headroom.ts'
import type { LearnedProfile } from './learned-profile.ts'
import { covering, type Need } from './need.ts'
import { unforeseenAfter, withUnforeseen } from './unforeseen.ts'
import { latestShare } from './views.ts'
import { type Vote, votes } from './votes.ts'

/** From the task's own executions; where those do not do, from its kin, the request or the default. */
export function form(asked: Case, dimension: Dimension): Formed | undefined {
  return fromHistory(asked, dimension) ?? fromKin(asked, dimension)
}

function fromHistory({ evidence, settings, policy, access, point }: Case, d: Dimension): Formed | undefined {
  const model = evidence.task?.model?.dimensions.get(d)
  if (point === undefined || model === undefined || model.observed < settings.minExecutions) return undefined
  const wanted = policy.strategies
  const usable = (strategy: string) => wanted.length === 0 || wanted.includes(strategy)
  const unfollowed = wanted.length > 0 ? new Map<string, string>() : unfollowedIn(evidence.task, d, access)
  const heard = votes(model, point, usable, unfollowed, access.guard)
  const first = heard[0]
  if (first === undefined) return undefined
  const foremost = heard.reduce((best, vote) => (vote.weight > best.weight ? vote : best), first)
  const outlook = combined(heard, model, runningPeaks(evidence.task, d))
  const need = {
    distribution: outlook.need,
    calibration: model.calibration,
    above: 0,
    unforeseen: unforeseenAfter(model.observed, model.largest),
  }
  return {
    need,
    amount: allocate(need, stakes(model, outlook.surprises), policy, d),
    source: 'profile',
    reason: `${model.observed} executions${changing(heard)}, mostly by ${foremost.track.strategy}${surprised(outlook.surprises.length)}`,
    strategy: foremost.track.strategy,
    predictions: Object.keys(settings.registry)
      .filter(usable)
      .map((strategy) => predictionOf(strategy, heard, unfollowed, access)),
  }
}

/** Lower bounds of needs to come; the mean of CPU so far is none. */
function runningPeaks(task: LearnedProfile | undefined, dimension: Dimension): readonly number[] {
  if (task === undefined || shortfall[dimension] === 'throttle') return []
  return task.profile.running.flatMap(({ peak }) => peak[dimension] ?? [])
}

const surprised = (count: number) =>
  count === 0 ? '' : `; ${count} running executions use more than was foretold`

/** Said where what is forgotten fast has foretold best: the task is no longer what it was. */
function changing(heard: readonly Vote[]): string {
  const latest = heard.reduce((sum, { byView }) => sum + latestShare(byView), 0)
  return latest > 0.5 ? ', the latest above all since its needs are changing' : ''
}

function predictionOf(
  strategy: string,
  heard: readonly Vote[],
  unfollowed: ReadonlyMap<string, string>,
  { faults }: QueryGuard,
): StrategyPrediction {
  const vote = heard.find(({ track }) => track.strategy === strategy)
  if (vote === undefined) return { strategy, weight: 0, reason: faults.get(strategy) ?? 'abstains' }
  const reason = vote.weight > 0 ? undefined : unfollowed.get(strategy)
  return {
    strategy,
    value: vote.prediction,
    weight: vote.weight,
    reason: reason === undefined ? '' : `not followed: ${reason}`,
  }
}

/** By the task's own record or, whatever the task, by the breakers. One asked for by name is followed all the same. */
function unfollowedIn(
  task: LearnedProfile | undefined,
  dimension: Dimension,
  access: QueryGuard,
): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>()
  for (const { strategy } of task?.model?.dimensions.get(dimension)?.tracks ?? []) {
    const reason = access.unfollowed(strategy)
    if (reason !== undefined) reasons.set(strategy, reason)
  }
  for (const poor of task?.poor ?? []) {
    if (poor.dimension === dimension) reasons.set(poor.strategy, 'its record is poor')
  }
  return reasons
}

function fromKin(asked: Case, dimension: Dimension): Formed | undefined {
  const { evidence, query, settings, policy } = asked
  const kin = evidence.kin.map(({ profile }) => profile)
  const belief = coldStart(kin, query, settings.defaults, dimension)
  if (belief === undefined) return undefined
  const { need, source, unrelated } = belief
  const reason = `${lacking(asked, dimension)}: ${belief.reason}`
  const at = (risk: number): number => {
    if (belief.amount !== undefined) return belief.amount
    if (unrelated && policy.targetCoverage === undefined)
      return amongUnrelated(need, risk, settings.defaults[dimension])
    return allocate(need, coldStakes, { ...policy, risk: Math.max(risk, leastColdRisk) }, dimension)
  }
  return { need, source, reason, strategy: '', predictions: [], amount: at(policy.risk), least: at(0) }
}

/** Why the task's own history does not answer. */
function lacking({ evidence, settings: { minExecutions } }: Case, dimension: Dimension): string {
  const observed = evidence.task?.model?.dimensions.get(dimension)?.observed ?? 0
  if (observed === 0) return 'no history'
  return observed < minExecutions
    ? `${observed} executions of at least ${minExecutions}`
    : `none of the strategies asked has anything to say after ${observed} executions`
}

/** What is taken from other tasks is wrong for all of a burst at once: appetite for that is less. */
const leastColdRisk = 0.7

/** Of tasks that need not have anything in common: what suffices with such a probability, more of it from balanced to safe… */
const unrelatedCoverage = { balanced: 0.94, safe: 0.98 }
/** …and with this one where that is no more than a task would be given of which nothing is known. */
const coverageUpToUsual = 0.98

function amongUnrelated(need: Need, risk: number, usual = 0): number {
  const { balanced, safe } = unrelatedCoverage
  const enough = covering(need, balanced + (safe - balanced) * Math.max(0, 2 * risk - 1))
  return Math.max(enough, Math.min(usual, covering(need, coverageUpToUsual)))
}

const coldStakes: Stakes = {
  timeToFailure: 1,
  failurePrice: 1,
  restartPrice: 0,
  restartAmount: 0,
  largest: 0,
}

/**
 * With a target coverage the least amount that reaches it. Else the newsvendor's where a shortfall kills, and a quantile
 * where it does not: the median of the duration, some headroom for CPU.
 */
function allocate(need: Need, stakes: Stakes, policy: Policy, dimension: Dimension): number {
  if (policy.targetCoverage !== undefined) return covering(need, policy.targetCoverage)
  const appetite = appetiteOf(policy)
  if (shortfall[dimension] === 'kill') {
    const { distribution, calibration, unforeseen } = need
    const rarely = 1 - appetite.acceptable
    const within = {
      from: quantile(distribution, appetite.floor),
      to: quantile(distribution, calibration === undefined ? rarely : rawFor(calibration, rarely)),
    }
    // What kin have not shown casts doubt on an amount; it is no reason to give more than they ever used.
    const own = stakes.largest > 0 && unforeseen !== undefined
    return headroom(own ? withUnforeseen(distribution, unforeseen) : distribution, stakes, appetite, within)
  }
  const q = shortfall[dimension] === 'throttle' ? appetite.quantile : 2 * appetite.quantile - 1
  return quantile(need.distribution, Math.max(0.02, q))
}
