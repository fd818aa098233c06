import {
  annotationsOf,
  type Container,
  controllerOf,
  labelsOf,
  type OwnerReference,
  type Pod,
} from './pod.ts'

/** How the Pods of one tool say which task they are. */
export interface TaskSource {
  /** First part of the task's name. */
  readonly tool: string
  /** The other parts; undefined where the Pod is not of this tool. An empty part is left out. */
  readonly parts: (pod: Pod) => readonly (string | undefined)[] | undefined
  /** The container that is the task; without it, the only one. */
  readonly container?: (container: Container) => boolean
}

/**
 * The first that knows a Pod names its task. Tools that run their Pods in Jobs, or in Workflows of Argo, stand before
 * those. What is not listed, such as the Pods of a Deployment, is no task unless its annotation says so.
 */
export const taskSources: readonly TaskSource[] = [
  {
    tool: 'kubeflow',
    parts(pod) {
      if (labelsOf(pod)['pipelines.kubeflow.org/v2_component'] === undefined) {
        const component = componentSpecName(pod)
        return component === undefined ? undefined : [withoutRun(labelsOf(pod)[argo.workflow]), component]
      }
      const names = nodePath(pod).filter((name) => name !== 'root' && name !== 'executor')
      return names.length === 0 ? undefined : [withoutRun(labelsOf(pod)[argo.workflow]), ...names]
    },
    container: ({ name }) => name === 'main',
  },
  {
    tool: 'argo',
    parts(pod) {
      const workflow = labelsOf(pod)[argo.workflow]
      return workflow === undefined
        ? undefined
        : [withoutRun(workflow), templateName(pod) ?? nodePath(pod).at(-1)]
    },
    container: ({ name }) => name === 'main',
  },
  {
    tool: 'tekton',
    parts(pod) {
      const labels = labelsOf(pod)
      const task =
        labels['tekton.dev/pipelineTask'] ?? labels['tekton.dev/task'] ?? labels['tekton.dev/taskRun']
      return task === undefined ? undefined : [labels['tekton.dev/pipeline'], withoutRun(task)]
    },
    container: ({ name }) => name.startsWith('step-'),
  },
  {
    tool: 'airflow',
    parts(pod) {
      const dag = annotationsOf(pod)['dag_id'] ?? labelsOf(pod)['dag_id']
      const task = annotationsOf(pod)['task_id'] ?? labelsOf(pod)['task_id']
      return dag === undefined || task === undefined ? undefined : [dag, task]
    },
    container: ({ name }) => name === 'base',
  },
  {
    tool: 'spark',
    parts(pod) {
      const labels = labelsOf(pod)
      const app = labels['sparkoperator.k8s.io/app-name'] ?? labels['spark-app-name']
      const role = labels['spark-role']
      return app === undefined || role === undefined ? undefined : [withoutRun(app), role]
    },
    container: ({ name }) => name.startsWith('spark-kubernetes-'),
  },
  {
    tool: 'actions-runner',
    parts(pod) {
      const labels = labelsOf(pod)
      const scaleSet = labels['actions.github.com/scale-set-name'] ?? labels['runner-deployment-name']
      // The listener is a service.
      const isListener = labels['app.kubernetes.io/component'] === 'runner-scale-set-listener'
      return scaleSet === undefined || isListener ? undefined : [scaleSet]
    },
    container: ({ name }) => name === 'runner',
  },
  {
    tool: 'jobset',
    parts(pod) {
      const labels = labelsOf(pod)
      const jobSet = labels['jobset.sigs.k8s.io/jobset-name']
      return jobSet === undefined
        ? undefined
        : [withoutRun(jobSet), labels['jobset.sigs.k8s.io/replicatedjob-name']]
    },
  },
  {
    // A CronJob too: its Pods belong to a Job that has the CronJob's name and the minute.
    tool: 'job',
    parts(pod) {
      const owner = controllerOf(pod)
      return isJob(owner) ? [withoutRun(owner.name)] : undefined
    },
  },
]

export const argo = {
  workflow: 'workflows.argoproj.io/workflow',
  nodeName: 'workflows.argoproj.io/node-name',
} as const

export const isJob = (owner: OwnerReference | undefined): owner is OwnerReference =>
  owner?.kind === 'Job' && owner.apiVersion.startsWith('batch/')

/**
 * A name without what Kubernetes or a schedule adds for one run: `-x7k2p` of generateName, which has no vowels and none of
 * 0, 1 and 3; the time of a CronJob, in minutes, or of a CronWorkflow, in seconds.
 */
export function withoutRun(name: string): string
export function withoutRun(name: string | undefined): string | undefined
export function withoutRun(name: string | undefined): string | undefined {
  return name?.replace(/-(?:[bcdfghjklmnpqrstvwxz2456789]{5}|\d{8,10})$/, '')
}

/** Of `align-x7k2p[0].sort(1:b.txt)(2)` the path `sort`: the nodes below the Workflow, without steps, items and retries. */
function nodePath(pod: Pod): readonly string[] {
  const path = (annotationsOf(pod)[argo.nodeName] ?? '').replace(/\([^)]*(?:\)|$)|\[\d+\]/g, '')
  const workflow = labelsOf(pod)[argo.workflow] ?? ''
  return path
    .slice(path.startsWith(workflow) ? workflow.length : 0)
    .split('.')
    .filter((name) => name !== '')
}

/** Argo hands its executor the template. */
function templateName(pod: Pod): string | undefined {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  const template = containers.flatMap(({ env = [] }) => env).find(({ name }) => name === 'ARGO_TEMPLATE')
  return nameInJson(template?.value)
}

const componentSpecName = (pod: Pod): string | undefined =>
  nameInJson(annotationsOf(pod)['pipelines.kubeflow.org/component_spec'])

function nameInJson(json: string | undefined): string | undefined {
  try {
    const { name } = JSON.parse(json ?? '{}') as { readonly name?: unknown }
    return typeof name === 'string' && name !== '' ? name : undefined
  } catch {
    return undefined
  }
}
