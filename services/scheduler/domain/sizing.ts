import type { EstimateSource, Notice } from '../../../shared/domain/estimate.ts'
import { exhaustedBy } from '../../../shared/domain/evidence.ts'
import type { Outcome } from '../../../shared/domain/execution.ts'
import { counted } from '../../../shared/domain/quantity-text.ts'
import { type Dimension, dimensions, type Resources } from '../../../shared/domain/resources.ts'
import type { LearningSettings } from './learning-config.ts'

/** What was learned, as far as a decision needs it. */
export interface Answer {
  readonly resources: Resources
  readonly confidence: number
  readonly source: EstimateSource
  readonly reason: string
  readonly executions: number
  readonly notices: readonly Notice[]
}

export interface SizingInput {
  readonly explicit: Resources
  readonly requested: Resources
  readonly defaults: Resources
  readonly previousAllocation: Resources
  readonly previousOutcome: Outcome | undefined
  readonly settings: LearningSettings
  /** Undefined where the estimator was not asked. */
  readonly answer: Answer | { readonly unavailable: string } | undefined
}

export const sizingReasons = [
  'learned',
  'escalated',
  'off',
  'shadow',
  'advise',
  'explicit',
  'unavailable',
  'too-few-executions',
  'not-confident',
  'beyond-range',
  'unknown-task',
] as const

/** Why a task got what it got; only the first two are foresize's doing. */
export type SizingReason = (typeof sizingReasons)[number]

export interface Sizing {
  readonly allocated: Resources
  readonly reason: SizingReason
  readonly explanation: string
  readonly advice?: Resources | undefined
}

/**
 * What a task is given, in each dimension the first of: what its owner fixed; what was learned, if the answer is good
 * enough, the mode is `apply` and the request is not to be given beyond the range; what the task requests; the default;
 * any answer at all. After a kill for want of resources the dimension that ran out is at least what was learned of it, or
 * twice what it had.
 * Law: a dimension in `explicit` is given as it is, whatever else is said. The sizers of every language decide alike, by
 * test/conformance/decisions.
 */
export function size(input: SizingInput): Sizing {
  const { explicit, requested, defaults, settings, answer } = input
  const fallback = escalated(input, firstOf(requested, defaults))
  const unlearned = (reason: SizingReason, explanation: string, advice?: Resources): Sizing => ({
    allocated: firstOf(explicit, fallback.resources, settings.mode === 'apply' ? advice : undefined),
    reason: fallback.isEscalated ? 'escalated' : reason,
    explanation: fallback.isEscalated ? `the last attempt ran out; ${explanation}` : explanation,
    advice,
  })

  if (answer === undefined) return unlearned('off', 'learning is off')
  if ('unavailable' in answer) return unlearned('unavailable', answer.unavailable)
  const advice = bounded(answer.resources, input, answer.source === 'escalation')
  if (settings.mode === 'shadow' || settings.mode === 'advise')
    return unlearned(settings.mode, answer.reason, advice)
  const isEscalation = answer.source === 'escalation'
  if (!isEscalation && answer.source !== 'profile' && answer.source !== 'cohort') {
    return unlearned('unknown-task', answer.reason, advice)
  }
  if (!isEscalation && answer.executions < settings.minExecutions) {
    const needed = `${counted(answer.executions, 'execution')}, ${settings.minExecutions} needed`
    return unlearned('too-few-executions', needed, advice)
  }
  const beyond = isEscalation ? undefined : beyondRangeOf(answer)
  const isTrusted = isEscalation || (beyond !== undefined && settings.beyondRange === 'trust')
  if (!isTrusted && answer.confidence < settings.confidenceThreshold) {
    const given = `confidence ${answer.confidence.toFixed(2)}, ${settings.confidenceThreshold} needed`
    return unlearned('not-confident', given, advice)
  }
  if (beyond !== undefined && settings.beyondRange === 'request' && replacesAny(requested, advice, input)) {
    return {
      allocated: firstOf(explicit, requested, advice, fallback.resources),
      reason: 'beyond-range',
      explanation: `${beyond} is beyond the range learned from`,
      advice,
    }
  }
  return {
    allocated: firstOf(explicit, raisedAgain(input, advice), advice, fallback.resources),
    reason: isEscalation ? 'escalated' : explicit.memoryBytes === undefined ? 'learned' : 'explicit',
    explanation: answer.reason,
    advice,
  }
}

/** An attempt that ran out has refuted the request, or what was given instead. */
const replacesAny = (requested: Resources, advice: Resources, { previousOutcome }: SizingInput): boolean =>
  (previousOutcome === undefined || exhaustedBy(previousOutcome) === undefined) &&
  dimensions.some((d) => requested[d] !== undefined && advice[d] !== undefined)

/** The feature that is farthest beyond what was learned from. */
const beyondRangeOf = ({ notices }: Answer): string | undefined =>
  notices.find(({ kind }) => kind === 'beyond-range')?.subject

/** What ran out is never given again as it was, whatever was learned. */
function raisedAgain(input: SizingInput, advice: Resources): Resources {
  const dimension = input.previousOutcome === undefined ? undefined : exhaustedBy(input.previousOutcome)
  if (dimension === undefined) return {}
  const before = input.previousAllocation[dimension] ?? 0
  if ((advice[dimension] ?? 0) > before) return {}
  return { [dimension]: escalated(input, advice).resources[dimension] }
}

/** Growth of the dimension that ran out, where the estimator has nothing better to say. */
const escalationFactor = 2

function escalated(
  { previousAllocation, previousOutcome, settings }: SizingInput,
  resources: Resources,
): { readonly resources: Resources; readonly isEscalated: boolean } {
  const dimension = previousOutcome === undefined ? undefined : exhaustedBy(previousOutcome)
  const before = dimension === undefined ? undefined : previousAllocation[dimension]
  if (dimension === undefined || before === undefined) return { resources, isEscalated: false }
  const ceiling = settings.max[dimension] ?? Number.POSITIVE_INFINITY
  const raised = Math.min(Math.max(resources[dimension] ?? 0, before * escalationFactor), ceiling)
  return { resources: { ...resources, [dimension]: raised }, isEscalated: true }
}

function bounded(learned: Resources, { settings, requested }: SizingInput, isEscalation: boolean): Resources {
  const result: { [D in Dimension]?: number } = {}
  for (const dimension of dimensions) {
    const value = learned[dimension]
    if (value === undefined || !settings.dimensions.includes(dimension)) continue
    const ceiling = Math.min(
      settings.max[dimension] ?? Number.POSITIVE_INFINITY,
      settings.neverAboveRequest && !isEscalation
        ? (requested[dimension] ?? Number.POSITIVE_INFINITY)
        : Number.POSITIVE_INFINITY,
    )
    const withHeadroom = isEscalation ? value : value * (1 + settings.headroom)
    const wrapped = withHeadroom + (isEscalation ? 0 : (settings.overhead[dimension] ?? 0))
    result[dimension] = Math.min(Math.max(wrapped, settings.min[dimension] ?? 0), ceiling)
  }
  return result
}

/** In each dimension the first that is set. */
function firstOf(...layers: readonly (Resources | undefined)[]): Resources {
  const result: { [D in Dimension]?: number } = {}
  for (const dimension of dimensions) {
    for (const layer of layers) {
      const value = layer?.[dimension]
      if (value === undefined) continue
      result[dimension] = value
      break
    }
  }
  return result
}
