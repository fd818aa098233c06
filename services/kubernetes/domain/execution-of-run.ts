import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import type { ContainerRun } from './container-runs.ts'
import { featuresOf } from './features.ts'
import { decisionAnnotations } from './names.ts'
import { annotationsOf, type ContainerResources, type Pod, type Texts } from './pod.ts'
import { parseQuantity } from './quantity.ts'
import type { TaskIdentity } from './task-identity.ts'

/** What a container's cgroup has counted over one run. */
export interface RunUsage {
  /** Peak of what was charged, page cache included. */
  readonly peakBytes: number | undefined
  /** The same without page cache that could have been given back: what the limit must leave room for. */
  readonly neededBytes: number | undefined
  readonly cpuSeconds: number | undefined
  /** Time for which a CPU limit held it back. */
  readonly throttledMs: number | undefined
  /** Processes that the kernel killed for memory. */
  readonly oomKills: number
}

/** Times of a Pod's status are in whole seconds: a run within one took half of it, give or take the other half. */
const leastRunMs = 500

const maxAttempt = 1000

/** A run of a Pod's task as an execution. The same for whoever sees the Pod: `podUID/container/restart` tells repeats. */
export function executionOfRun(
  pod: Pod,
  { task, container }: TaskIdentity,
  run: ContainerRun,
  usage: RunUsage | undefined,
  nowUnixMs: number,
): Omit<ExecutionRecord, 'estimateToken'> {
  const annotations = annotationsOf(pod)
  const given = pod.spec?.containers.find(({ name }) => name === container)?.resources
  const allocated = allocatedBy(given)
  const endedAtUnixMs = run.endedAtUnixMs ?? nowUnixMs
  const durationMs =
    run.startedAtUnixMs === undefined ? undefined : Math.max(leastRunMs, endedAtUnixMs - run.startedAtUnixMs)
  const { cpuSeconds } = usage ?? {}
  const isMeasured = usage?.neededBytes !== undefined || cpuSeconds !== undefined
  const first = Number(annotations[decisionAnnotations.attempt] ?? 1)
  return {
    executionId: `${pod.metadata?.uid}/${container}/${run.restart}`,
    task,
    attempt: Math.min(maxAttempt, (Number.isInteger(first) && first > 0 ? first : 1) + run.restart),
    ...entriesOf(pod),
    requested: requestedBy(annotations[decisionAnnotations.requested]) ?? allocated,
    allocated,
    weight: 1,
    used: {
      memoryBytes: usage?.neededBytes,
      cpuCores:
        cpuSeconds === undefined || durationMs === undefined ? undefined : (cpuSeconds * 1000) / durationMs,
      durationMs,
    },
    outcome: run.outcome === 'failed' && (usage?.oomKills ?? 0) > 0 ? 'out-of-memory' : run.outcome,
    source: isMeasured ? 'cgroup' : 'external',
    ...(usage === undefined
      ? {}
      : { measured: { chargedMemoryBytes: usage.peakBytes, throttledMs: usage.throttledMs } }),
    endedAtUnixMs,
  }
}

const entriesOf = (pod: Pod) => {
  const { features, labels } = featuresOf(pod)
  return { features, labels }
}

/** Memory is what a container is killed above, CPU what it is sure to get. */
const allocatedBy = ({ requests = {}, limits = {} }: ContainerResources = {}): Resources => ({
  memoryBytes: quantityIn(limits, 'memory') ?? quantityIn(requests, 'memory'),
  cpuCores: quantityIn(requests, 'cpu') ?? quantityIn(limits, 'cpu'),
})

/** What the container asked for before it was sized, as the webhook wrote it. */
function requestedBy(text: string | undefined): Resources | undefined {
  if (text === undefined) return undefined
  try {
    const requested = JSON.parse(text) as Texts
    return { memoryBytes: quantityIn(requested, 'memory'), cpuCores: quantityIn(requested, 'cpu') }
  } catch {
    return undefined
  }
}

const quantityIn = (quantities: Texts, resource: string): number | undefined =>
  parseQuantity(String(quantities[resource] ?? ''))
