import { dimensions, type Resources } from '../../../shared/domain/resources.ts'
import { clipped } from '../../../shared/domain/text.ts'
import type { Sizing, SizingReason } from '../../scheduler/domain/sizing.ts'
import type { Attempt } from './attempts.ts'
import { resourcesWith, sizedResources } from './container-resources.ts'
import { decisionAnnotations, podAnnotations } from './names.ts'
import type { NamespacePolicy } from './namespace-policy.ts'
import { annotationsOf, type ContainerResources, type Pod, type Texts } from './pod.ts'
import { cpuQuantity, memoryQuantity } from './quantity.ts'
import type { SizingRequest } from './sizing-request.ts'

/** `qos`: what was learned could only be given by changing the Pod's QoS class. */
export type DecisionReason = SizingReason | 'qos'

/** What is written to a Pod. */
export interface Decision {
  readonly reason: DecisionReason
  readonly annotations: Texts
  /** Of the task's container; undefined where they stay as they are. */
  readonly resources: ContainerResources | undefined
}

/** By these something was learned for the task; by the others it keeps what it asks for, also where that is nothing. */
const given: readonly SizingReason[] = ['learned', 'escalated', 'explicit', 'beyond-range']

/** An explanation of more than so many characters is cut. */
const maxReasonLength = 300

/**
 * What a sizing becomes on a Pod. In `shadow` and `advise` it leaves resources alone, and says the mode in place of the
 * reason.
 * @param estimateToken base64; empty where there was no estimate
 */
export function decisionOf(
  pod: Pod,
  request: SizingRequest,
  attempt: Attempt,
  sizing: Sizing,
  estimateToken: string,
  limits: NamespacePolicy['limits'],
): Decision {
  const { mode, explicit, requested } = request
  const isApplied = mode === 'apply' && given.includes(sizing.reason)
  const changed = isApplied ? changedOf(sizing.allocated, explicit, requested) : {}
  const isChanged = dimensions.some((dimension) => changed[dimension] !== undefined)
  const resources =
    isChanged && pod.spec !== undefined ? resourcesWith(pod.spec, request.index, changed, limits) : undefined
  const isKept = isChanged && resources === undefined
  const ofMode = mode === 'apply' || sizing.reason === 'unavailable' ? sizing.reason : mode
  const reason: DecisionReason = isKept ? 'qos' : ofMode
  return {
    reason,
    resources,
    annotations: {
      ...unlessSet(pod, podAnnotations.task, request.task.task),
      ...unlessSet(pod, podAnnotations.container, request.container.name),
      [decisionAnnotations.decision]: reason,
      [decisionAnnotations.reason]: clipped(
        isKept ? `the QoS class would change; ${sizing.explanation}` : sizing.explanation,
        maxReasonLength,
      ),
      [decisionAnnotations.requested]: JSON.stringify(request.asked),
      ...(estimateToken === '' ? {} : { [decisionAnnotations.estimateToken]: estimateToken }),
      ...(mode === 'advise' && sizing.advice !== undefined
        ? { [decisionAnnotations.advice]: JSON.stringify(quantitiesOf(sizing.advice)) }
        : {}),
      ...(attempt.attempt > 1 ? { [decisionAnnotations.attempt]: String(attempt.attempt) } : {}),
      ...(attempt.retryOf === undefined ? {} : { [decisionAnnotations.retryOf]: attempt.retryOf }),
    },
  }
}

/** What is given beside what is asked for. */
function changedOf(allocated: Resources, explicit: Resources, requested: Resources): Resources {
  const changed: { -readonly [D in keyof Resources]: Resources[D] } = {}
  for (const dimension of Object.values(sizedResources)) {
    const isNew = allocated[dimension] !== requested[dimension] && explicit[dimension] === undefined
    if (isNew) changed[dimension] = allocated[dimension]
  }
  return changed
}

function quantitiesOf({ cpuCores, memoryBytes }: Resources): Texts {
  return {
    ...(cpuCores === undefined ? {} : { cpu: cpuQuantity(cpuCores) }),
    ...(memoryBytes === undefined ? {} : { memory: memoryQuantity(memoryBytes) }),
  }
}

const unlessSet = (pod: Pod, name: string, value: string): Texts =>
  annotationsOf(pod)[name] === undefined ? { [name]: value } : {}
