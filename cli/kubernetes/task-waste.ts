import { decisionAnnotations } from '../../services/kubernetes/domain/names.ts'
import type { Pod } from '../../services/kubernetes/domain/pod.ts'
import { annotationsOf } from '../../services/kubernetes/domain/pod.ts'
import { taskIdentityOf } from '../../services/kubernetes/domain/task-identity.ts'
import { wastePerDay } from '../../shared/domain/waste-per-day.ts'
import { dimensionEnum, outcomeEnum } from '../../shared/wire/enums.ts'
import type { ProfileSummary } from '../../shared/wire/gen/foresize/v1/profile.ts'

/** One task of a cluster: what its Pods hold beyond their need, and how they were decided on. */
export interface TaskWaste {
  readonly namespace: string
  readonly task: string
  /** That are not over. */
  readonly pods: number
  readonly runs: number
  readonly killed: number
  /** Medians, bytes. */
  readonly requestedBytes: number | undefined
  readonly givenBytes: number | undefined
  readonly usedBytes: number | undefined
  /** Memory held beyond the need, bytes times milliseconds a day, over the executions that the profile holds one by one. */
  readonly wastePerDay: number | undefined
  /** The webhook's, on the youngest Pod that has one. */
  readonly decision: string | undefined
}

const killed = (['out-of-memory', 'timed-out'] as const).map(outcomeEnum.toWire)
const memory = dimensionEnum.toWire('memoryBytes')

/** The tasks that there are profiles or Pods of, those that waste most first. */
export function taskWaste(profiles: readonly ProfileSummary[], pods: readonly Pod[]): readonly TaskWaste[] {
  const keyOf = (namespace: string, task: string) => `${namespace}/${task}`
  const rows = new Map<string, TaskWaste>()
  for (const profile of profiles) {
    const { namespace = '', task = '' } = profile.key ?? {}
    rows.set(keyOf(namespace, task), ofProfile(namespace, task, profile))
  }
  for (const pod of pods.toSorted(byAge)) {
    const namespace = pod.metadata?.namespace ?? ''
    const identity = taskIdentityOf(pod, namespace)
    if ('unknown' in identity) continue
    const { task } = identity.task
    const row = rows.get(keyOf(namespace, task)) ?? ofProfile(namespace, task, undefined)
    const isOver = ['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')
    const decision = annotationsOf(pod)[decisionAnnotations.decision] ?? row.decision
    rows.set(keyOf(namespace, task), { ...row, pods: row.pods + (isOver ? 0 : 1), decision })
  }
  return [...rows.values()].sort((a, b) => (b.wastePerDay ?? -1) - (a.wastePerDay ?? -1))
}

function ofProfile(namespace: string, task: string, profile: ProfileSummary | undefined): TaskWaste {
  const outcomes = profile?.outcomes ?? []
  const runs = outcomes.reduce((sum, { count }) => sum + count, 0)
  const held = profile?.use.find(({ dimension }) => dimension === memory)?.allocated
  return {
    namespace,
    task,
    pods: 0,
    runs,
    killed: outcomes.reduce((sum, { outcome, count }) => sum + (killed.includes(outcome) ? count : 0), 0),
    requestedBytes: profile?.requestedMedian?.memoryBytes,
    givenBytes: profile?.allocatedMedian?.memoryBytes,
    usedBytes: profile?.median?.memoryBytes,
    wastePerDay: profile && wastePerDay({ ...profile, executions: runs }, held),
    decision: undefined,
  }
}

const createdMs = ({ metadata }: Pod) => Date.parse(metadata?.creationTimestamp ?? '') || 0

const byAge = (a: Pod, b: Pod) => createdMs(a) - createdMs(b)
