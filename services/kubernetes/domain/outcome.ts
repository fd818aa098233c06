import type { Outcome } from '../../../shared/domain/execution.ts'
import type { Pod, Termination } from './pod.ts'

/** What ended a Pod as a whole, by `status.reason`. */
const podReasons: Readonly<Record<string, Outcome>> = {
  Evicted: 'evicted',
  Preempting: 'evicted',
  Terminated: 'evicted',
  NodeShutdown: 'evicted',
  DeadlineExceeded: 'timed-out',
  NodeLost: 'lost',
}

/** The same, by the reason of the condition DisruptionTarget. */
const disruptions: Readonly<Record<string, Outcome>> = {
  PreemptionByScheduler: 'evicted',
  EvictionByEvictionAPI: 'evicted',
  TerminationByKubelet: 'evicted',
  DeletionByTaintManager: 'lost',
  DeletionByPodGC: 'lost',
}

/** How one run of a container ended, whatever became of its Pod. */
export function outcomeOfRun({ reason, exitCode }: Termination): Outcome {
  if (reason === 'OOMKilled') return 'out-of-memory'
  // The kubelet was away when it ended.
  if (reason === 'ContainerStatusUnknown') return 'lost'
  return exitCode === 0 ? 'succeeded' : 'failed'
}

/**
 * How a container's last run ended, as far as the Pod's status says; undefined while it says nothing. A container that was
 * killed for memory ran out of it, whatever ended its Pod afterwards. Where an init container failed nothing of the task
 * ran: that says nothing of what the task needs.
 */
export function outcomeOf({ metadata, status }: Pod, container: string): Outcome | undefined {
  const of = status?.containerStatuses?.find(({ name }) => name === container)
  const ended = of?.state?.terminated ?? of?.lastState?.terminated
  const own = ended && outcomeOfRun(ended)
  if (own === 'out-of-memory' || own === 'succeeded') return own
  const disruption = status?.conditions?.find(
    ({ type, status: is }) => type === 'DisruptionTarget' && is === 'True',
  )
  const ofPod = podReasons[status?.reason ?? ''] ?? disruptions[disruption?.reason ?? '']
  if (ofPod !== undefined) return ofPod
  if (own === 'failed' && metadata?.deletionTimestamp !== undefined) return 'cancelled'
  if (own !== undefined || status?.phase !== 'Failed') return own
  const hasInitFailed = status.initContainerStatuses?.some(
    ({ state }) => (state?.terminated?.exitCode ?? 0) !== 0,
  )
  return hasInitFailed === true ? 'failed' : 'lost'
}
