import type { EstimateQuery } from '../../../shared/domain/estimate.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { EstimatorClient } from '../../scheduler/client.ts'
import { type LearningSettings, policyOf } from '../../scheduler/domain/learning-config.ts'
import { size } from '../../scheduler/domain/sizing.ts'
import { type Attempt, firstAttempt } from '../domain/attempts.ts'
import { type DecisionReason, decisionOf } from '../domain/decision.ts'
import { templatePath, waitingPodOf } from '../domain/job.ts'
import { patchOf } from '../domain/json-patch.ts'
import { type Bounds, boundsOf, type LimitRangeItem, within } from '../domain/limit-range.ts'
import type { NamespacePolicy } from '../domain/namespace-policy.ts'
import type { Pod } from '../domain/pod.ts'
import {
  isSizedBefore,
  type LeftReason,
  type SizingRequest,
  sizingRequestOf,
} from '../domain/sizing-request.ts'
import { warningsOf } from '../domain/warnings.ts'
import type { FindAttempt } from './attempt-finder.ts'
import type { AdmissionAnswer, AdmissionRequest } from './review.ts'

/** What became of one admission; `error` and `late` are foresize's own failures. */
export type AdmissionResult = DecisionReason | LeftReason | 'starts-at-once' | 'error' | 'late'

export interface AdmitterParts {
  readonly policyOf: (namespace: string, signal: AbortSignal) => Promise<NamespacePolicy>
  readonly limitRangesOf: (namespace: string) => readonly LimitRangeItem[]
  readonly findAttempt: FindAttempt
  readonly estimator: Pick<EstimatorClient, 'estimate'>
  /** What is not the namespace's to say. */
  readonly settings: LearningSettings
  /** An admission that takes longer is let through as it is. */
  readonly deadlineMs: number
  readonly log: Log
}

export interface Admitted extends AdmissionAnswer {
  readonly result: AdmissionResult
}

const unchanged = (result: AdmissionResult, warnings: readonly string[] = []): Admitted => ({
  result,
  patch: [],
  warnings,
})

/** Decides what Pods, and Jobs that wait for a queue, are given. Never rejects, and waits no longer than the deadline. */
export function createAdmitter(parts: AdmitterParts): (request: AdmissionRequest) => Promise<Admitted> {
  const {
    policyOf: policyOfNamespace,
    limitRangesOf,
    findAttempt,
    estimator,
    settings,
    deadlineMs,
    log,
  } = parts

  async function decide(request: AdmissionRequest, signal: AbortSignal): Promise<Admitted> {
    const { subject, namespace } = request
    if (subject.kind === 'other') return unchanged('no-task')
    const isJob = subject.kind === 'Job'
    const pod = isJob ? waitingPodOf(subject.job) : subject.pod
    if (pod === undefined) return unchanged('starts-at-once')
    const policy = await policyOfNamespace(namespace, signal)
    const sizing = sizingRequestOf(pod, namespace, policy)
    const warnings = warningsOf(sizing.violations)
    if ('left' in sizing) return unchanged(sizing.left, warnings)
    const attempt = isJob ? firstAttempt : await findAttempt(pod, namespace, sizing.container.name, signal)
    if (isSizedBefore(sizing, attempt)) return unchanged('sized-before', warnings)
    const { decision, index } = await sized(pod, sizing, attempt, policy, request)
    return {
      result: decision.reason,
      patch: patchOf(pod, isJob ? templatePath : '', index, decision),
      warnings,
    }
  }

  /** Of the settings, of the namespace, and of what the API server takes there. */
  function boundsIn(
    pod: Pod,
    { index }: SizingRequest,
    policy: NamespacePolicy,
    items: readonly LimitRangeItem[],
  ): Bounds {
    const max = { ...settings.max, ...setIn(policy.max) }
    const spec = pod.spec ?? { containers: [] }
    return within(boundsOf(items, spec, index, policy.limits), settings.min, max)
  }

  async function sized(
    pod: Pod,
    request: SizingRequest,
    attempt: Attempt,
    policy: NamespacePolicy,
    { uid, namespace }: AdmissionRequest,
  ) {
    const ofTask: LearningSettings = {
      ...settings,
      mode: request.mode,
      ...boundsIn(pod, request, policy, limitRangesOf(namespace)),
    }
    const query: EstimateQuery = {
      task: request.task,
      features: request.features,
      labels: request.labels,
      requested: request.requested,
      attempt: attempt.attempt,
      previousAllocation: attempt.previousAllocation ?? {},
      previousOutcome: attempt.previousOutcome,
      policy: policyOf(ofTask),
      executionId: uid,
    }
    const answer = await estimator.estimate(query)
    const estimate = answer.kind === 'estimate' ? answer.estimate : undefined
    const sizing = size({
      explicit: request.explicit,
      requested: request.requested,
      defaults: {},
      previousAllocation: attempt.previousAllocation ?? {},
      previousOutcome: attempt.previousOutcome,
      settings: ofTask,
      answer: answer.kind === 'unavailable' ? { unavailable: answer.reason } : answer.estimate,
    })
    const token = Buffer.from(estimate?.estimateToken ?? []).toString('base64')
    const decision = decisionOf(pod, request, attempt, sizing, token, policy.limits)
    return { decision, index: request.index }
  }

  return async (request) => {
    const late = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<Admitted>((resolve) => {
      timer = setTimeout(() => {
        late.abort()
        resolve(unchanged('late'))
      }, deadlineMs)
    })
    try {
      return await Promise.race([decide(request, late.signal), deadline])
    } catch (error) {
      log.error({ err: error, namespace: request.namespace }, 'an admission was let through as it was')
      return unchanged('error')
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The ceilings that the namespace has. */
function setIn(max: NamespacePolicy['max']): NamespacePolicy['max'] {
  return Object.fromEntries(Object.entries(max).filter(([, value]) => value !== undefined))
}
