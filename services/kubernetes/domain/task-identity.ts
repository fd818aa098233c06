import type { TaskKey } from '../../../shared/domain/task.ts'
import { podAnnotations } from './names.ts'
import { annotationsOf, type Container, type Pod } from './pod.ts'
import { taskSources } from './task-sources.ts'

/** Which task a Pod runs, in the namespace of the Pod, and in which of its containers. */
export interface TaskIdentity {
  readonly task: TaskKey
  readonly container: string
}

export type TaskIdentityOrReason = TaskIdentity | { readonly unknown: string }

/**
 * By its annotations, else by its owner and well-known labels. The same for whoever sees the Pod: the webhook before it is
 * made, the agent while it runs.
 */
export function taskIdentityOf(pod: Pod, namespace: string): TaskIdentityOrReason {
  const annotations = annotationsOf(pod)
  const source = taskSources.find(({ parts }) => parts(pod) !== undefined)
  const derived = source && [source.tool, ...(source.parts(pod) ?? [])].filter((part) => part).join('/')
  const task = annotations[podAnnotations.task] ?? derived
  if (task === undefined || task === '')
    return { unknown: 'no owner that runs tasks, and no annotation names one' }
  const container = containerOf(pod, annotations[podAnnotations.container], source?.container)
  return typeof container === 'string'
    ? { unknown: container }
    : { task: { namespace, task }, container: container.name }
}

/** The task's container, or why there is none. */
function containerOf(
  pod: Pod,
  named: string | undefined,
  isTask: (container: Container) => boolean = () => true,
): Container | string {
  const containers = pod.spec?.containers ?? []
  if (named !== undefined) {
    return containers.find(({ name }) => name === named) ?? `there is no container ${named}`
  }
  const [only, ...others] = containers.filter(isTask)
  if (only === undefined)
    return containers.length === 1 ? (containers[0] as Container) : 'no container of it is known as the task'
  if (others.length === 0) return only
  return `${others.length + 1} containers, and no annotation ${podAnnotations.container} names the task's`
}
