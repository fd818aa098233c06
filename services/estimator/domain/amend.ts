import type { Clamp, DimensionEstimate, EstimateSource } from '../../../shared/domain/estimate.ts'
import type { RunningExecution } from '../../../shared/domain/execution.ts'
import { type Dimension, resourceLimits } from '../../../shared/domain/resources.ts'
import { bounded } from './bounds.ts'
import { highestBound } from './bounds-below.ts'
import type { Case, Formed } from './case.ts'
import { exceeded, nextRung } from './escalation.ts'
import { amountAt, covering, type Need, sufficient } from './need.ts'

/** A retry goes above what failed; a first run is not below what running ones of its task use already. */
export function amend(
  asked: Case,
  dimension: Dimension,
  formed: Formed,
): { readonly answer: DimensionEstimate; readonly reason: string } {
  const { query, evidence, policy, settings } = asked
  const failed = exceeded(query, dimension)
  let { amount, source, reason } = formed
  if (failed !== undefined) {
    const { targetCoverage } = policy
    const covered =
      targetCoverage === undefined ? 0 : covering({ ...formed.need, above: failed }, targetCoverage)
    const rung = Math.max(covered, rungAbove(failed, asked, dimension, source))
    if (rung > amount) {
      amount = rung
      source = 'escalation'
      reason = `the attempt before was killed at ${failed}; ${reason}`
    }
  } else if (source !== 'profile') {
    const others = highestBound(evidence.task?.model?.dimensions.get(dimension)?.exceeded ?? [])
    const rung = rungAbove(others, asked, dimension, source)
    if (others >= (formed.least ?? amount) && rung > amount) {
      amount = rung
      reason = `others were killed at ${others}; ${reason}`
    }
    const floor = 1.05 * highestRunning(evidence.task?.profile.running ?? [], dimension)
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
  const seen = evidence.task?.model?.dimensions.get(dimension)?.largest ?? 0
  const largest = Math.max(seen, highestRunning(evidence.task?.profile.running ?? [], dimension))
  // What failed was an attempt before, whatever the query counts.
  return nextRung(largest, failed, Math.max(1, query.attempt - 1))
}

function shown(clamps: readonly Clamp[]): string {
  return clamps.map(({ kind, before, after }) => `; ${kind} put ${before} to ${after}`).join('')
}

/** Running executions need at least what they already use. */
function highestRunning(running: readonly RunningExecution[], dimension: Dimension): number {
  return running.reduce((highest, { peak }) => Math.max(highest, peak[dimension] ?? 0), 0)
}
