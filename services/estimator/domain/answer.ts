import type {
  Clamp,
  Confidence,
  DimensionEstimate,
  Estimate,
  EstimateQuery,
  EstimateSource,
  StrategyPrediction,
} from '../../../shared/domain/estimate.ts'
import type { RunningExecution } from '../../../shared/domain/execution.ts'
import type { Policy } from '../../../shared/domain/policy.ts'
import {
  type Dimension,
  dimensions,
  type Resources,
  resourceLimits,
} from '../../../shared/domain/resources.ts'
import { appetiteOf } from './appetite.ts'
import { bounded, type Limits } from './bounds.ts'
import { highestBound } from './bounds-below.ts'
import { coldStart } from './cold-start.ts'
import { combined, type Guard, shortfall, stakes, type Vote, votes } from './dimension-model.ts'
import { quantile } from './distribution.ts'
import { exceeded } from './escalation.ts'
import { headroom, nextRung, type Stakes } from './headroom.ts'
import type { LearnedProfile } from './learned-profile.ts'
import { amountAt, covering, type Need, sufficient } from './need.ts'
import type { Registry } from './strategy.ts'
import { encodeQuery } from './task-model.ts'
import { latestShare } from './views.ts'

/** All that an answer may depend on, beside the query and the policy. */
export interface Evidence {
  readonly task: LearnedProfile | undefined
  /** In the order of `cohortKeys`, the namespace last; asked only where the task's own history does not do. */
  readonly kin: readonly LearnedProfile[]
  /** A profile that may exist could not be had. */
  readonly unreachable: boolean
}

export interface AnswerSettings {
  readonly registry: Registry
  /** For what a query leaves open. */
  readonly policy: Policy
  /** For a task of which nothing at all is known. */
  readonly defaults: Resources
  readonly limits: Limits
  /** Executions of the task's own before they are trusted more than those of its kin. */
  readonly minExecutions: number
}

/** Stands between an answer and the strategies' code. */
export interface QueryGuard {
  readonly guard: Guard
  /** Why a strategy was left out or failed, as far as that has come up. */
  readonly faults: ReadonlyMap<string, string>
  /** Why a strategy is heard, and scored, and not followed whatever the task. */
  readonly unfollowed: (strategy: string) => string | undefined
}

/** Whether the task's own history leaves something to ask its kin. */
export function needsKin(task: LearnedProfile | undefined, { minExecutions }: AnswerSettings): boolean {
  const models = task?.model?.dimensions
  if (models === undefined || models.size === 0) return true
  for (const { observed } of models.values()) if (observed >= minExecutions) return false
  return true
}

interface Formed {
  readonly need: Need
  readonly amount: number
  readonly source: EstimateSource
  readonly reason: string
  readonly strategy: string
  readonly predictions: readonly StrategyPrediction[]
}

/** One query with all that its answer is made from. */
interface Case {
  readonly query: EstimateQuery
  readonly evidence: Evidence
  readonly settings: AnswerSettings
  readonly policy: Policy
  readonly access: QueryGuard
}

/**
 * The answer to one query.
 * Law: a function of its arguments; every amount is finite, positive, within the limits, and monotone in the risk.
 */
export function estimateOf(
  query: EstimateQuery,
  evidence: Evidence,
  settings: AnswerSettings,
  access: QueryGuard,
): Estimate {
  const asked = caseOf(query, evidence, settings, access)
  const answers: DimensionEstimate[] = []
  const reasons = new Map<Dimension, string>()
  const resources: { [D in Dimension]?: number } = {}
  let confidence = 1
  for (const dimension of dimensionsAsked(asked)) {
    const formed = form(asked, dimension)
    if (formed === undefined) continue
    const { answer, reason } = amend(asked, dimension, formed)
    answers.push(answer)
    reasons.set(dimension, reason)
    resources[dimension] = answer.allocation
    if (shortfall[dimension] === 'kill') confidence *= answer.confidence
  }
  const leading = answers.find(({ dimension }) => dimension === 'memoryBytes') ?? answers[0]
  const profile = evidence.task?.profile
  return {
    resources,
    confidence: answers.length === 0 ? 0 : confidence,
    source: leading?.source ?? 'default',
    reason: reasonOf(
      asked,
      leading === undefined ? 'nothing is known' : (reasons.get(leading.dimension) ?? ''),
    ),
    dimensions: answers,
    profileRevision: profile?.revision ?? 0,
    executions: countOf(evidence),
    variant: '',
    variantByExecution: false,
  }
}

/**
 * Probability that `given` suffices; where unset, of what `estimateOf` answers.
 * Law: monotone in every amount given.
 */
export function confidenceOf(
  query: EstimateQuery,
  given: Resources | undefined,
  evidence: Evidence,
  settings: AnswerSettings,
  access: QueryGuard,
): Confidence {
  const asked = caseOf(query, evidence, settings, access)
  const resources = given ?? estimateOf(query, evidence, settings, access).resources
  const found: Confidence['dimensions'][number][] = []
  let joint = 1
  let leading: Formed | undefined
  for (const dimension of dimensions) {
    const allocation = resources[dimension]
    const formed = allocation === undefined ? undefined : form(asked, dimension)
    if (allocation === undefined || formed === undefined) continue
    const need = { ...formed.need, above: exceeded(query, dimension) ?? 0 }
    const confidence = sufficient(need, allocation)
    found.push({ dimension, allocation, confidence })
    if (shortfall[dimension] === 'kill' || (given !== undefined && dimension === 'durationMs'))
      joint *= confidence
    if (leading === undefined || dimension === 'memoryBytes') leading = formed
  }
  return {
    confidence: found.length === 0 ? 0 : joint,
    dimensions: found,
    source: leading?.source ?? 'default',
    reason: reasonOf(asked, leading?.reason ?? 'nothing is known of what was given'),
    executions: countOf(evidence),
    profileRevision: evidence.task?.profile.revision ?? 0,
  }
}

function caseOf(
  query: EstimateQuery,
  evidence: Evidence,
  settings: AnswerSettings,
  access: QueryGuard,
): Case {
  return { query, evidence, settings, access, policy: { ...settings.policy, ...query.policy } }
}

function dimensionsAsked({ evidence, query, settings }: Case): readonly Dimension[] {
  const models = evidence.task?.model?.dimensions
  return dimensions.filter(
    (d) => models?.has(d) || query.requested[d] !== undefined || settings.defaults[d] !== undefined,
  )
}

/** What is believed and would be allocated in one dimension, before retries, running executions and bounds. */
function form(asked: Case, dimension: Dimension): Formed | undefined {
  return fromHistory(asked, dimension) ?? fromKin(asked, dimension)
}

/** Of the chance that the next execution is the largest of all, what the mixture does not foresee. */
const unforeseenShare = 0.42

function fromHistory({ evidence, query, settings, policy, access }: Case, d: Dimension): Formed | undefined {
  const task = evidence.task?.model
  const model = task?.dimensions.get(d)
  if (task === undefined || model === undefined || model.observed < settings.minExecutions) return undefined
  const wanted = policy.strategies
  const point = encodeQuery(task, query.features, query.labels, query.requested, d)
  const usable = (strategy: string) => wanted.length === 0 || wanted.includes(strategy)
  const unfollowed = wanted.length > 0 ? new Map<string, string>() : unfollowedIn(evidence.task, d, access)
  const heard = votes(model, point, usable, unfollowed, access.guard)
  const first = heard[0]
  if (first === undefined) return undefined
  const foremost = heard.reduce((best, vote) => (vote.weight > best.weight ? vote : best), first)
  const need = {
    distribution: combined(heard, model),
    calibration: model.calibration,
    above: 0,
    unforeseen: { chance: unforeseenShare / (model.observed + 1), largest: model.largest },
  }
  return {
    need,
    amount: allocate(need, stakes(model), policy, d),
    source: 'profile',
    reason: `${model.observed} executions${changing(heard)}, mostly by ${foremost.track.strategy}`,
    strategy: foremost.track.strategy,
    predictions: Object.keys(settings.registry)
      .filter(usable)
      .map((strategy) => predictionOf(strategy, heard, unfollowed, access)),
  }
}

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
  const reason = unfollowed.get(strategy)
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

function fromKin({ evidence, query, settings, policy }: Case, dimension: Dimension): Formed | undefined {
  const kin = evidence.kin.map(({ profile }) => profile)
  const belief = coldStart(kin, query, settings.defaults, dimension)
  if (belief === undefined) return undefined
  const { need, source, reason } = belief
  const careful = { ...policy, risk: Math.max(policy.risk, leastColdRisk) }
  const amount = belief.amount ?? allocate(need, coldStakes, careful, dimension)
  return { need, source, reason, strategy: '', predictions: [], amount }
}

/** What is taken from other tasks is wrong for all of a burst at once: appetite for that is less. */
const leastColdRisk = 0.7

const coldStakes: Stakes = { timeToFailure: 1, failurePrice: 1, largest: 0 }

/**
 * With a target coverage the least amount that reaches it. Else the newsvendor's where a shortfall kills, and a quantile
 * where it does not: the median of the duration, some headroom for CPU.
 */
function allocate(need: Need, stakes: Stakes, policy: Policy, dimension: Dimension): number {
  if (policy.targetCoverage !== undefined) return covering(need, policy.targetCoverage)
  const appetite = appetiteOf(policy)
  if (shortfall[dimension] === 'kill') return headroom(need.distribution, stakes, appetite)
  const q = shortfall[dimension] === 'throttle' ? appetite.quantile : 2 * appetite.quantile - 1
  return quantile(need.distribution, Math.max(0.02, q))
}

/** A retry goes above what failed; a first run is not below what running ones of its task use already. */
function amend(
  asked: Case,
  dimension: Dimension,
  formed: Formed,
): { readonly answer: DimensionEstimate; readonly reason: string } {
  const { query, evidence, policy, settings } = asked
  const failed = exceeded(query, dimension)
  let { amount, source, reason } = formed
  if (failed !== undefined) {
    const rung = rungAbove(failed, asked, dimension, source)
    if (rung > amount) {
      amount = rung
      source = 'escalation'
      reason = `the attempt before was killed at ${failed}; ${reason}`
    }
  } else if (source !== 'profile') {
    const others = highestBound(evidence.task?.model?.dimensions.get(dimension)?.exceeded ?? [])
    if (others >= amount) {
      amount = rungAbove(others, asked, dimension, source)
      reason = `others were killed at ${others}; ${reason}`
    }
    const floor = runningFloor(evidence.task?.profile.running ?? [], dimension)
    if (floor > amount) {
      amount = floor
      reason = `running executions use more already; ${reason}`
    }
  }
  const { amount: allocation, clamps } = bounded(amount, dimension, policy, settings.limits)
  const need = { ...formed.need, above: failed ?? 0 }
  const answer = {
    dimension,
    allocation,
    expected: quantileOf(need, 0.5, dimension),
    lower: quantileOf(need, 0.05, dimension),
    upper: quantileOf(need, 0.95, dimension),
    confidence: sufficient(need, allocation),
    source,
    strategy: formed.strategy,
    predictions: formed.predictions,
    clamps,
  }
  return { answer, reason: reason + shown(clamps) }
}

/** No need is beyond what may be reported as one. */
function quantileOf(need: Need, q: number, dimension: Dimension): number {
  return Math.min(amountAt(need, q), resourceLimits[dimension])
}

/** Without a history, what the user asked for is the best known amount that ought to do. */
function rungAbove(
  failed: number,
  { query, evidence }: Case,
  dimension: Dimension,
  source: EstimateSource,
): number {
  const request = query.requested[dimension] ?? 0
  if (source !== 'profile') return request > failed * 1.05 ? request : failed * 2
  const largest = evidence.task?.model?.dimensions.get(dimension)?.largest ?? 0
  return nextRung(largest, failed, query.attempt - 1)
}

function shown(clamps: readonly Clamp[]): string {
  return clamps.map(({ kind, before, after }) => `; ${kind} put ${before} to ${after}`).join('')
}

/** Running executions need at least what they already use. */
function runningFloor(running: readonly RunningExecution[], dimension: Dimension): number {
  return running.reduce((floor, { peak }) => Math.max(floor, 1.05 * (peak[dimension] ?? 0)), 0)
}

function reasonOf({ access, evidence }: Case, reason: string): string {
  const leftOut = [...access.faults].map(([strategy, fault]) => `${strategy} (${fault})`)
  const parts = [reason]
  if (leftOut.length > 0) parts.push(`left out: ${leftOut.join(', ')}`)
  if (evidence.unreachable) parts.push('the profiler did not answer')
  return parts.join('; ')
}

function countOf({ task }: Evidence): number {
  return task?.profile.outcomes.reduce((total, { count }) => total + count, 0) ?? 0
}
