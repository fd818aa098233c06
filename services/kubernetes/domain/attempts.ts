import type { Outcome } from '../../../shared/domain/execution.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import { givenTo } from './container-resources.ts'
import { decisionAnnotations } from './names.ts'
import { outcomeOf } from './outcome.ts'
import { annotationsOf, controllerOf, labelsOf, type OwnerReference, type Pod } from './pod.ts'
import { argo, isJob } from './task-sources.ts'

/** Which attempt at its task a Pod is, and what became of the one before. */
export interface Attempt {
  /** From 1. */
  readonly attempt: number
  readonly previousOutcome?: Outcome | undefined
  readonly previousAllocation?: Resources | undefined
  /** UID of the Pod before. */
  readonly retryOf?: string | undefined
}

export const firstAttempt: Attempt = { attempt: 1 }

/** Where the attempts before are to be found, among the Pods of the namespace. */
export interface RetrySource {
  /** The attempt, as the Pod's own labels say; undefined where only the Job knows whether Pods of it have failed. */
  readonly attempt: number | undefined
  readonly job?: OwnerReference
  readonly selector: string
  readonly isPrevious: (pod: Pod) => boolean
}

/** Undefined for a Pod that is no attempt after another, or of which nobody can tell. */
export function retrySourceOf(pod: Pod): RetrySource | undefined {
  for (const source of [argoRetry, airflowRetry, tektonRetry, jobRetry]) {
    const found = source(pod)
    if (found !== undefined) return found.attempt === 1 ? undefined : found
  }
  return undefined
}

/** `wf.task(2)` is the third attempt at `wf.task`. */
function argoRetry(pod: Pod): RetrySource | undefined {
  const workflow = labelsOf(pod)[argo.workflow]
  const nodeName = annotationsOf(pod)[argo.nodeName]
  if (workflow === undefined || nodeName === undefined) return undefined
  const [, node = '', number = '0'] = /^(.*)\((\d+)\)$/.exec(nodeName) ?? []
  return {
    attempt: Number(number) + 1,
    selector: `${argo.workflow}=${workflow}`,
    isPrevious: (other) => annotationsOf(other)[argo.nodeName] === `${node}(${Number(number) - 1})`,
  }
}

function airflowRetry(pod: Pod): RetrySource | undefined {
  const labels = labelsOf(pod)
  const attempt = Number(labels['try_number'])
  if (labels['dag_id'] === undefined || !(attempt >= 1)) return undefined
  const keys = ['dag_id', 'task_id', 'run_id', 'map_index'].filter((key) => labels[key] !== undefined)
  return {
    attempt,
    selector: keys.map((key) => `${key}=${labels[key]}`).join(','),
    isPrevious: (other) => Number(labelsOf(other)['try_number']) === attempt - 1,
  }
}

/** `RUN-pod-retry2` is the third. */
function tektonRetry(pod: Pod): RetrySource | undefined {
  const run = labelsOf(pod)['tekton.dev/taskRun']
  if (run === undefined) return undefined
  const retryOf = (name = '') => Number(/-retry(\d+)$/.exec(name)?.[1] ?? 0)
  const retry = retryOf(pod.metadata?.name)
  return {
    attempt: retry + 1,
    selector: `tekton.dev/taskRun=${run}`,
    isPrevious: (other) => retryOf(other.metadata?.name) === retry - 1,
  }
}

/** A Pod of a Job replaces one that has failed, of the same index where the Job has indices. */
function jobRetry(pod: Pod): RetrySource | undefined {
  const owner = controllerOf(pod)
  if (!isJob(owner)) return undefined
  const index = 'batch.kubernetes.io/job-completion-index'
  const own = annotationsOf(pod)[index]
  return {
    attempt: undefined,
    job: owner,
    selector: `batch.kubernetes.io/controller-uid=${owner.uid}`,
    isPrevious: (other) => other.status?.phase === 'Failed' && annotationsOf(other)[index] === own,
  }
}

/**
 * The attempt that a Pod is, from all Pods of its source. A Pod that has failed is retried once: by the first that says so
 * in its annotation, so that of a Job with many Pods those that are no retries stay first attempts.
 */
export function attemptAfter(source: RetrySource, pods: readonly Pod[], container: string): Attempt {
  const retried = new Set(pods.map((pod) => annotationsOf(pod)[decisionAnnotations.retryOf]))
  const previous = pods.filter((pod) => source.isPrevious(pod) && !retried.has(pod.metadata?.uid)).at(-1)
  if (previous === undefined) return { attempt: source.attempt ?? 1 }
  const before = Number(annotationsOf(previous)[decisionAnnotations.attempt] ?? 1)
  const ran = previous.spec?.containers.find(({ name }) => name === container)
  return {
    attempt: source.attempt ?? before + 1,
    previousOutcome: outcomeOf(previous, container) ?? 'lost',
    previousAllocation: ran === undefined ? {} : givenTo(ran),
    retryOf: previous.metadata?.uid,
  }
}
