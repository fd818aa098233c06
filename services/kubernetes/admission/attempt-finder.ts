import { ApiError, type KubernetesApi } from '../api.ts'
import { type Attempt, attemptAfter, firstAttempt, retrySourceOf } from '../domain/attempts.ts'
import type { Job } from '../domain/job.ts'
import type { Pod } from '../domain/pod.ts'
import type { FailedJobs } from './failed-jobs.ts'

export type FindAttempt = (
  pod: Pod,
  namespace: string,
  container: string,
  signal: AbortSignal,
) => Promise<Attempt>

/** Pods of one Job or Workflow that are looked through for the attempt before. */
const maxPods = 500

/** Which attempt a Pod is. Those of a Job are listed only where one of them has failed: of most, none has. */
export function createAttemptFinder(api: KubernetesApi, failedJobs: Pick<FailedJobs, 'has'>): FindAttempt {
  async function hasFailed(path: string, signal: AbortSignal): Promise<boolean> {
    // From the API server's own cache.
    const query = { resourceVersion: '0' }
    const found = await api.get<Job>(path, { query, signal }).catch(undefinedIfGone)
    return (found?.status?.failed ?? 0) > 0
  }

  return async (pod, namespace, container, signal) => {
    const source = retrySourceOf(pod)
    if (source === undefined) return firstAttempt
    const of = encodeURIComponent(namespace)
    if (source.job !== undefined) {
      const { name, uid } = source.job
      const path = `/apis/batch/v1/namespaces/${of}/jobs/${encodeURIComponent(name)}`
      if (!(failedJobs.has(uid) ?? (await hasFailed(path, signal)))) return firstAttempt
    }
    const query = { labelSelector: source.selector, limit: maxPods }
    const { items } = await api.get<{ readonly items: readonly Pod[] }>(`/api/v1/namespaces/${of}/pods`, {
      query,
      signal,
    })
    return attemptAfter(source, items, container)
  }
}

/** A Job that is deleted may still have a Pod on its way. */
function undefinedIfGone(error: unknown): undefined {
  if (!(error instanceof ApiError && error.status === 404)) throw error
}
