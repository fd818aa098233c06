import { recentlyUsed } from '../../../shared/runtime/recently-used.ts'
import { ApiError, type KubernetesApi } from '../api.ts'
import { type Attempt, attemptAfter, firstAttempt, retrySourceOf } from '../domain/attempts.ts'
import type { Job } from '../domain/job.ts'
import type { Pod } from '../domain/pod.ts'

export type FindAttempt = (
  pod: Pod,
  namespace: string,
  container: string,
  signal: AbortSignal,
) => Promise<Attempt>

/** Pods of one Job or Workflow that are looked through for the attempt before. */
const maxPods = 500

/** A Job without failures is asked again after so long: its controller waits longer before it replaces a Pod that failed. */
const unfailedMs = 2000

/** Jobs that are remembered so. */
const maxJobs = 10_000

/**
 * Which attempt a Pod is. A Job is asked whether Pods of it have failed before they are listed, from the API server's own
 * cache: most have not.
 */
export function createAttemptFinder(api: KubernetesApi): FindAttempt {
  const unfailed = recentlyUsed<number>(maxJobs)

  async function hasFailed(path: string, signal: AbortSignal): Promise<boolean> {
    const askedMs = unfailed.get(path)
    if (askedMs !== undefined && performance.now() - askedMs < unfailedMs) return false
    const query = { resourceVersion: '0' }
    const found = await api.get<Job>(path, { query, signal }).catch(undefinedIfGone)
    if ((found?.status?.failed ?? 0) > 0) return true
    unfailed.set(path, performance.now())
    return false
  }

  return async (pod, namespace, container, signal) => {
    const source = retrySourceOf(pod)
    if (source === undefined) return firstAttempt
    const of = encodeURIComponent(namespace)
    if (source.job !== undefined) {
      const path = `/apis/batch/v1/namespaces/${of}/jobs/${encodeURIComponent(source.job)}`
      if (!(await hasFailed(path, signal))) return firstAttempt
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
