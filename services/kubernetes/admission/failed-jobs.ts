import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { KubernetesApi } from '../api.ts'
import { controllerOf, type Pod } from '../domain/pod.ts'
import { isJob } from '../domain/task-sources.ts'
import { follow } from '../followed.ts'

/** Which Jobs have Pods that failed: few, and a Job waits for ten seconds before it replaces one. */
export interface FailedJobs {
  /** By the UID of the Job. Undefined while the API server is not followed: then it is to be asked. */
  has(uid: string): boolean | undefined
  close(): void
}

interface FailedPod {
  readonly uid: string
  readonly job: string
}

export function followFailedJobs(api: KubernetesApi, clock: Clock, log: Log): FailedJobs {
  /** UIDs of the Pods that failed, by that of their Job. */
  const failed = new Map<string, Set<string>>()

  function keep(pod: Pod): FailedPod | undefined {
    const owner = controllerOf(pod)
    const uid = pod.metadata?.uid
    if (!isJob(owner) || uid === undefined) return undefined
    const ofJob = failed.get(owner.uid) ?? new Set()
    failed.set(owner.uid, ofJob.add(uid))
    return { uid, job: owner.uid }
  }

  function remove({ uid, job }: FailedPod): void {
    const ofJob = failed.get(job)
    ofJob?.delete(uid)
    if (ofJob?.size === 0) failed.delete(job)
  }

  const followed = follow<Pod, FailedPod>({
    api,
    path: '/api/v1/pods',
    fieldSelector: 'status.phase=Failed',
    keep,
    onRemoved: remove,
    clock,
    log,
  })
  return {
    has: (uid) => (followed.isCurrent() ? failed.has(uid) : undefined),
    close: followed.close,
  }
}
