import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { KubernetesApi } from '../api.ts'
import {
  type ContainerRun,
  containerIdOf,
  cutOffRunOf,
  endedRunsOf,
  isOver,
} from '../domain/container-runs.ts'
import { executionOfRun } from '../domain/execution-of-run.ts'
import { keptOf } from '../domain/kept-pod.ts'
import { decisionAnnotations, podAnnotations } from '../domain/names.ts'
import { annotationsOf, type Pod } from '../domain/pod.ts'
import { type TaskIdentity, taskIdentityOf } from '../domain/task-identity.ts'
import { type Followed, follow } from '../followed.ts'
import type { Measurements } from './measurements.ts'

/** The Pods of this node whose tasks are measured. */
export interface WatchedPods {
  isSynced(): boolean
  readonly counts: {
    /** Beyond `maxPods`. */
    readonly turnedAway: number
    /** Runs that ended before their cgroup was read. */
    readonly unmeasured: number
  }
  size(): number
  close(): void
}

export interface WatchedPodsParts {
  readonly api: Pick<KubernetesApi, 'get' | 'watch'>
  readonly nodeName: string
  readonly maxPods: number
  /** What ended before is taken as reported. */
  readonly sinceUnixMs: number
  readonly isOptedIn: (namespace: string) => boolean
  readonly measurements: Measurements
  readonly report: (record: ExecutionRecord) => void
  readonly clock: Clock
  readonly log: Log
}

/** A Pod of this node whose task is known; it is not measured where there was no room for it. */
interface Known {
  readonly uid: string
  readonly watched: Watched | undefined
}

interface Watched {
  readonly uid: string
  readonly identity: TaskIdentity
  /** As it was last read, but for what nobody asks of it. */
  pod: Pod
  /** The latest run that was reported. */
  reported: number
}

export function watchPods(parts: WatchedPodsParts): WatchedPods {
  const { api, nodeName, maxPods, sinceUnixMs, isOptedIn, measurements, report, clock, log } = parts
  const watched = new Map<string, Watched>()
  const counts = { turnedAway: 0, unmeasured: 0 }

  function keep(pod: Pod): Known | undefined {
    const { uid = '', namespace = '', name = '' } = pod.metadata ?? {}
    const before = followed.get(name, namespace)
    // Another Pod of that name: the end of the one before was not told.
    if (before?.watched !== undefined && before.uid !== uid) remove(before.watched)
    let known = watched.get(uid)
    if (known === undefined) {
      const identity = identityOf(pod, namespace)
      if (identity === undefined) return undefined
      if (watched.size >= maxPods) {
        if (before?.uid !== uid) counts.turnedAway += 1
        return { uid, watched: undefined }
      }
      known = { uid, identity, pod, reported: -1 }
      watched.set(uid, known)
    }
    known.pod = keptOf(pod, known.identity.container)
    observe(known)
    return { uid, watched: known }
  }

  function identityOf(pod: Pod, namespace: string): TaskIdentity | undefined {
    if (!isOptedIn(namespace) || annotationsOf(pod)[podAnnotations.mode] === 'off') return undefined
    const identity = taskIdentityOf(pod, namespace)
    return 'unknown' in identity ? undefined : identity
  }

  function observe(pod: Watched): void {
    const { uid, identity } = pod
    if (!isOver(pod.pod)) {
      measurements.add(uid)
      const id = containerIdOf(pod.pod, identity.container)
      if (id) measurements.keepOnly(uid, id)
    }
    for (const run of endedRunsOf(pod.pod, identity.container)) reportRun(pod, run)
    if (isOver(pod.pod)) measurements.remove(uid)
  }

  function reportRun(pod: Watched, run: ContainerRun): void {
    if (run.restart <= pod.reported) return
    pod.reported = run.restart
    if (run.endedAtUnixMs !== undefined && run.endedAtUnixMs < sinceUnixMs) return
    const { uid, identity } = pod
    const usage = run.containerId === undefined ? undefined : measurements.usageOf(uid, run.containerId)
    if (usage === undefined) counts.unmeasured += 1
    const token = annotationsOf(pod.pod)[decisionAnnotations.estimateToken] ?? ''
    report({
      ...executionOfRun(pod.pod, identity, run, usage, clock.nowUnixMs()),
      estimateToken: Buffer.from(token, 'base64'),
    })
  }

  function remove(pod: Watched): void {
    const run = cutOffRunOf(pod.pod, pod.identity.container)
    if (run !== undefined) reportRun(pod, run)
    measurements.remove(pod.uid)
    watched.delete(pod.uid)
  }

  const followed: Followed<Known> = follow<Pod, Known>({
    api,
    path: '/api/v1/pods',
    fieldSelector: `spec.nodeName=${nodeName}`,
    keep,
    onRemoved: ({ watched: pod }) => pod && remove(pod),
    clock,
    log,
  })
  return { isSynced: followed.isSynced, counts, size: () => watched.size, close: followed.close }
}
