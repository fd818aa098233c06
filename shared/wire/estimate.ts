import type { Confidence, Estimate, EstimateQuery, Notice } from '../domain/estimate.ts'
import type { Policy } from '../domain/policy.ts'
import { dimensions } from '../domain/resources.ts'
import { clampKindEnum, dimensionEnum, estimateSourceEnum, noticeKindEnum, outcomeEnum } from './enums.ts'
import {
  checkText,
  readFeatures,
  readLabels,
  readName,
  readResources,
  readTask,
  readWithin,
  readWord,
  wireNames,
} from './fields.ts'
import type * as gen from './gen/foresize/v1/estimator_service.ts'
import type { Inspection } from './inspection.ts'
import { limits } from './limits.ts'

export function toQuery(
  message: gen.EstimateQuery | undefined,
  path: string,
  seen: Inspection,
): EstimateQuery {
  if (message === undefined) {
    seen.reject(path, 'is required')
    message = {
      task: { namespace: '', task: '?' },
      features: {},
      labels: {},
      attempt: 1,
      previousOutcome: 0,
      executionId: '',
    }
  }
  const at = path === '' ? '' : `${path}.`
  return {
    task: readTask(message.task, `${at}task`, seen),
    features: readFeatures(message.features, `${at}features`, seen),
    labels: readLabels(message.labels, `${at}labels`, seen),
    requested: readResources(message.requested, `${at}requested`, seen),
    attempt: readWithin(message.attempt || 1, { min: 1, max: limits.attempt }, `${at}attempt`, seen),
    previousAllocation: readResources(message.previousAllocation, `${at}previous_allocation`, seen),
    previousOutcome:
      message.previousOutcome === 0
        ? undefined
        : readWord(outcomeEnum, message.previousOutcome, 'lost', `${at}previous_outcome`, seen),
    policy: message.policy === undefined ? {} : toPolicy(message.policy, `${at}policy`, seen),
    executionId: worded(checkText(message.executionId, `${at}execution_id`, seen)),
  }
}

/** Proto3 text that is not set is empty. */
const worded = (text: string): string | undefined => (text === '' ? undefined : text)

function toPolicy(message: gen.Policy, path: string, seen: Inspection): Partial<Policy> {
  const { risk, targetCoverage, strategies } = message
  if (risk !== undefined && !(risk >= 0 && risk <= 1))
    seen.reject(`${path}.risk`, `must be from 0 to 1, was ${risk}`)
  if (targetCoverage !== undefined && !(targetCoverage > 0 && targetCoverage < 1)) {
    seen.reject(`${path}.target_coverage`, `must be above 0 and below 1, was ${targetCoverage}`)
  }
  if (strategies.length > limits.strategies) {
    seen.reject(
      `${path}.strategies`,
      `must have at most ${limits.strategies} entries, has ${strategies.length}`,
    )
  }
  const min = readResources(message.min, `${path}.min`, seen)
  const max = readResources(message.max, `${path}.max`, seen)
  for (const dimension of dimensions) {
    const most = max[dimension]
    if (most !== undefined && most <= 0)
      seen.reject(`${path}.max.${wireNames[dimension]}`, `must be above 0, was ${most}`)
  }
  for (const dimension of Object.keys(min) as (keyof typeof min)[]) {
    const [low, high] = [min[dimension], max[dimension]]
    if (low !== undefined && high !== undefined && low > high) {
      seen.reject(`${path}.min`, `must not be above max in ${wireNames[dimension]}, ${low} is above ${high}`)
    }
  }
  return {
    ...(risk === undefined ? {} : { risk }),
    ...(targetCoverage === undefined ? {} : { targetCoverage }),
    ...(strategies.length === 0
      ? {}
      : { strategies: strategies.map((name, i) => readName(name, `${path}.strategies[${i}]`, seen)) }),
    ...(message.min === undefined ? {} : { min }),
    ...(message.max === undefined ? {} : { max }),
    ...(message.overhead === undefined
      ? {}
      : { overhead: readResources(message.overhead, `${path}.overhead`, seen) }),
  }
}

export function fromQuery(query: EstimateQuery): gen.EstimateQuery {
  const { policy, executionId = '' } = query
  return {
    ...query,
    executionId,
    previousOutcome: query.previousOutcome === undefined ? 0 : outcomeEnum.toWire(query.previousOutcome),
    policy: { ...policy, strategies: policy.strategies ?? [] },
  }
}

export function fromNotice({ kind, subject = '', number, nearest, dimension }: Notice): gen.Notice {
  return {
    kind: noticeKindEnum.toWire(kind),
    subject,
    number,
    nearest,
    dimension: dimension === undefined ? 0 : dimensionEnum.toWire(dimension),
  }
}

/** Without those of a kind that is newer than this program. */
export function toNotices(messages: readonly gen.Notice[]): readonly Notice[] {
  return messages.flatMap(({ kind: wire, subject, number, nearest, dimension }) => {
    const kind = noticeKindEnum.toWord(wire)
    if (kind === undefined) return []
    return {
      kind,
      subject: worded(subject),
      number,
      nearest,
      dimension: dimensionEnum.toWord(dimension),
    }
  })
}

/** What an estimate says, as a scheduler reads it: the domain's estimate, and what came with it. */
export interface ReceivedEstimate extends Estimate {
  readonly estimateToken: Uint8Array
  readonly stalenessMs: number
}

/** Trusts the estimator; a source newer than this program is read as `default`. */
export function toEstimate(message: gen.Estimate): ReceivedEstimate {
  return {
    ...message,
    resources: message.resources ?? {},
    variant: worded(message.variant),
    source: estimateSourceEnum.toWord(message.source) ?? 'default',
    dimensions: message.dimensions.flatMap((d) => {
      const dimension = dimensionEnum.toWord(d.dimension)
      if (dimension === undefined) return []
      return {
        ...d,
        dimension,
        source: estimateSourceEnum.toWord(d.source) ?? 'default',
        strategy: worded(d.strategy),
        predictions: d.predictions.map((p) => ({ ...p, reason: worded(p.reason) })),
        clamps: d.clamps.map((clamp) => ({ ...clamp, kind: clampKindEnum.toWord(clamp.kind) ?? 'limit' })),
      }
    }),
    notices: toNotices(message.notices),
  }
}

export function fromConfidence(confidence: Confidence, stalenessMs: number): gen.ConfidenceResponse {
  return {
    ...confidence,
    stalenessMs,
    source: estimateSourceEnum.toWire(confidence.source),
    dimensions: confidence.dimensions.map((d) => ({ ...d, dimension: dimensionEnum.toWire(d.dimension) })),
    notices: confidence.notices.map(fromNotice),
  }
}

/** Trusts the estimator, as `toEstimate`. */
export function toConfidence(message: gen.ConfidenceResponse): Confidence {
  return {
    ...message,
    source: estimateSourceEnum.toWord(message.source) ?? 'default',
    dimensions: message.dimensions.flatMap((d) => {
      const dimension = dimensionEnum.toWord(d.dimension)
      return dimension === undefined ? [] : { ...d, dimension }
    }),
    notices: toNotices(message.notices),
  }
}
