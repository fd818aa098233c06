import type { Violation } from '../../../shared/domain/errors.ts'
import { exhaustedBy } from '../../../shared/domain/evidence.ts'
import type { Features, Labels } from '../../../shared/domain/execution.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import type { TaskKey } from '../../../shared/domain/task.ts'
import type { LearningMode } from '../../scheduler/domain/learning-config.ts'
import type { Attempt } from './attempts.ts'
import { amountsOf, askedOf, filledIn, type SizedResource } from './container-resources.ts'
import { featuresOf } from './features.ts'
import { decisionAnnotations, podAnnotations } from './names.ts'
import { modeOf, type NamespacePolicy } from './namespace-policy.ts'
import { annotationsOf, type Container, type Pod } from './pod.ts'
import { taskIdentityOf } from './task-identity.ts'

/** Why a Pod is left as it is, without a word to it. */
export type LeftReason = 'off' | 'no-task' | 'pod-resources' | 'sized-before'

export interface Left {
  readonly left: LeftReason
  readonly explanation: string
  readonly violations: readonly Violation[]
}

/** A Pod that may be sized: what the estimator is asked, and what its owner has said. */
export interface SizingRequest {
  readonly task: TaskKey
  readonly container: Container
  /** Of the container among the Pod's. */
  readonly index: number
  readonly mode: LearningMode
  readonly features: Features
  readonly labels: Labels
  /** What the container asked for before anything was decided, as it was written. */
  readonly asked: { readonly [R in SizedResource]?: string }
  readonly requested: Resources
  /** Of that, what is not to be changed. */
  readonly explicit: Resources
  /** The Job that the Pod comes from was sized before. */
  readonly isSized: boolean
  readonly violations: readonly Violation[]
}

/** What is to be decided for a Pod of a namespace, as far as the two say. */
export function sizingRequestOf(pod: Pod, namespace: string, policy: NamespacePolicy): SizingRequest | Left {
  const annotations = annotationsOf(pod)
  const { features, labels, violations: ofFeatures } = featuresOf(pod)
  const violations: Violation[] = [...ofFeatures]
  const mode = modeOf(annotations[podAnnotations.mode], policy, violations, podAnnotations.mode)
  const leave = (left: LeftReason, explanation: string): Left => ({ left, explanation, violations })
  if (mode === 'off') return leave('off', 'learning is off')
  const identity = taskIdentityOf(pod, namespace)
  if ('unknown' in identity) return leave('no-task', identity.unknown)
  if (pod.spec?.resources !== undefined)
    return leave('pod-resources', 'the Pod as a whole is sized by its owner')
  const containers = pod.spec?.containers ?? []
  const index = containers.findIndex(({ name }) => name === identity.container)
  const container = containers[index] as Container
  const isSized = annotations[decisionAnnotations.decision] !== undefined
  const asked = isSized ? recordedIn(annotations[decisionAnnotations.requested]) : askedOf(container)
  const filled = filledIn(pod, container.name)
  const fixed = Object.fromEntries(
    Object.entries(asked).filter(([name]) => !filled.includes(name as SizedResource)),
  )
  return {
    task: identity.task,
    container,
    index,
    mode,
    features,
    labels,
    asked,
    requested: amountsOf(asked),
    explicit: policy.resources === 'explicit' ? amountsOf(fixed) : {},
    isSized,
    violations,
  }
}

/** A Pod whose Job was sized already has what it needs, unless the attempt before it ran out of something. */
export function isSizedBefore({ isSized }: SizingRequest, { previousOutcome }: Attempt): boolean {
  return isSized && (previousOutcome === undefined || exhaustedBy(previousOutcome) === undefined)
}

function recordedIn(json: string | undefined): { readonly [R in SizedResource]?: string } {
  try {
    const { cpu, memory } = JSON.parse(json ?? '{}') as Readonly<Record<string, unknown>>
    return {
      ...(typeof cpu === 'string' ? { cpu } : {}),
      ...(typeof memory === 'string' ? { memory } : {}),
    }
  } catch {
    return {}
  }
}
