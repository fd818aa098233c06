import type { Outcome } from '../../../shared/domain/execution.ts'
import { outcomeOf, outcomeOfRun } from './outcome.ts'
import type { ContainerStatus, Pod, Termination } from './pod.ts'

/** One run of a container that has ended. */
export interface ContainerRun {
  /** From 0: how often the container had been started before in its Pod. */
  readonly restart: number
  /** 64 hexadecimal digits, where the status names it. */
  readonly containerId: string | undefined
  readonly outcome: Outcome
  /** Unix milliseconds, in whole seconds. Undefined where the container did not start, or the status does not say. */
  readonly startedAtUnixMs: number | undefined
  readonly endedAtUnixMs: number | undefined
}

/** The runs of a container that a Pod's status tells the end of: its latest, and the one before. */
export function endedRunsOf(pod: Pod, container: string): readonly ContainerRun[] {
  const status = statusOf(pod, container)
  if (status === undefined) return []
  const { restartCount: restart = 0, state, lastState } = status
  const runs: ContainerRun[] = []
  // While a container waits to be started again, the last state is of the run that is counted already.
  const before = state?.waiting === undefined ? restart - 1 : restart
  if (lastState?.terminated && before >= 0) {
    runs.push(runOf(before, lastState.terminated, outcomeOfRun(lastState.terminated)))
  }
  const outcome = outcomeOf(pod, container) ?? 'lost'
  if (state?.terminated) runs.push(runOf(restart, state.terminated, outcome))
  else if (state?.running && isOver(pod)) runs.push({ ...cutOff(status), outcome })
  return runs
}

/** The same where the Pod was removed: what was still running then was cut off. */
export function cutOffRunOf(pod: Pod, container: string): ContainerRun | undefined {
  const status = statusOf(pod, container)
  if (status?.state?.running === undefined || isOver(pod)) return undefined
  const ofRunBefore = status.lastState?.terminated !== undefined
  return { ...cutOff(status), outcome: (ofRunBefore ? undefined : outcomeOf(pod, container)) ?? 'cancelled' }
}

/** Nothing of the Pod will run any more. */
export const isOver = ({ status }: Pod): boolean =>
  status?.phase === 'Failed' || status?.phase === 'Succeeded'

/** The container that runs, as cgroups name it. */
export const containerIdOf = (pod: Pod, container: string): string | undefined =>
  idOf(statusOf(pod, container)?.containerID)

const statusOf = ({ status }: Pod, container: string): ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === container)

const runOf = (restart: number, ended: Termination, outcome: Outcome): ContainerRun => ({
  restart,
  containerId: idOf(ended.containerID),
  outcome,
  startedAtUnixMs: timeOf(ended.startedAt),
  endedAtUnixMs: timeOf(ended.finishedAt),
})

const cutOff = ({ restartCount = 0, containerID, state }: ContainerStatus) => ({
  restart: restartCount,
  containerId: idOf(containerID),
  startedAtUnixMs: timeOf(state?.running?.startedAt),
  endedAtUnixMs: undefined,
})

const idOf = (containerId: string | undefined) => containerId?.slice(containerId.indexOf('//') + 2)

/** The year 1970 is how a runtime writes that a container was never started. */
function timeOf(text: string | undefined): number | undefined {
  const unixMs = Date.parse(text ?? '')
  return unixMs > 0 ? unixMs : undefined
}
