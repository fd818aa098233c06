import type {
  Confidence,
  DimensionEstimate,
  Estimate,
  EstimateQuery,
} from '../../../shared/domain/estimate.ts'
import { type Dimension, dimensions, type Resources } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'
import { amend } from './amend.ts'
import type { AnswerSettings, Case, Evidence, Formed, QueryGuard } from './case.ts'
import { exceeded } from './escalation.ts'
import { form } from './form.ts'
import type { LearnedProfile } from './learned-profile.ts'
import { sufficient } from './need.ts'

/** Whether the task's own history leaves something to ask its kin. */
export function needsKin(task: LearnedProfile | undefined, { minExecutions }: AnswerSettings): boolean {
  const models = task?.model?.dimensions
  if (models === undefined || models.size === 0) return true
  for (const { observed } of models.values()) if (observed >= minExecutions) return false
  return true
}

/**
 * The answer to one query.
 * Law: a function of its arguments; every amount is finite, within the limits but for a lower maximum of the policy, and
 * monotone in the risk.
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
  const policy = { ...settings.policy, ...query.policy }
  const point = evidence.task?.model?.encoder.encode(query.features, query.labels, false)
  return { query, evidence, settings, access, policy, point }
}

function dimensionsAsked({ evidence, query, settings }: Case): readonly Dimension[] {
  const models = evidence.task?.model?.dimensions
  return dimensions.filter(
    (d) => models?.has(d) || query.requested[d] !== undefined || settings.defaults[d] !== undefined,
  )
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
