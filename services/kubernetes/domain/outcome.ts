import type { Outcome } from '../../../shared/domain/execution.ts'
import type { ContainerStatus, Pod } from './pod.ts'

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

/**
 * How a container's last run ended, as far as the Pod's status says; undefined while it says nothing. A container that was
 * killed for memory ran out of it, whatever ended its Pod afterwards.
 */
export function outcomeOf({ metadata, status }: Pod, container: string): Outcome | undefined {
  const ended = terminationOf(status?.containerStatuses?.find(({ name }) => name === container))
  if (ended?.reason === 'OOMKilled') return 'out-of-memory'
  const disruption = status?.conditions?.find(
    ({ type, status: is }) => type === 'DisruptionTarget' && is === 'True',
  )
  const ofPod = podReasons[status?.reason ?? ''] ?? disruptions[disruption?.reason ?? '']
  if (ofPod !== undefined && ended?.exitCode !== 0) return ofPod
  if (ended === undefined) return status?.phase === 'Failed' ? 'lost' : undefined
  if (ended.exitCode === 0) return 'succeeded'
  return metadata?.deletionTimestamp === undefined ? 'failed' : 'cancelled'
}

const terminationOf = (status: ContainerStatus | undefined) =>
  status?.state?.terminated ?? status?.lastState?.terminated
