import type { ContainerResources, Texts } from '../../services/kubernetes/domain/pod.ts'

/** What of a Pod matters to its sizing; the rest is the same for all. */
export interface PodGiven {
  readonly labels?: Texts
  readonly annotations?: Texts
  readonly owner?: {
    readonly apiVersion: string
    readonly kind: string
    readonly name: string
    readonly uid?: string
  }
  readonly containers?: readonly string[]
  readonly resources?: ContainerResources
  readonly spec?: object
}

let made = 0

export function manifestOf(given: PodGiven) {
  const { labels = {}, annotations = {}, owner, containers = ['main'], resources, spec = {} } = given
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${++made}`,
      labels,
      annotations,
      ownerReferences: owner === undefined ? [] : [{ uid: 'none', controller: true, ...owner }],
    },
    spec: {
      restartPolicy: 'Never',
      containers: containers.map((name, i) => ({
        name,
        image: 'x',
        ...(i === 0 && resources ? { resources } : {}),
      })),
      ...spec,
    },
  }
}

export const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'sort' }

/** A Pod of each owner, the task that it is, and the container that runs it. */
export const owners: readonly (readonly [string, PodGiven, task: string, container: string])[] = [
  ['CronJob', { owner: { ...job, name: 'nightly-29012345' } }, 'job/nightly', 'main'],
  [
    'JobSet',
    {
      owner: { ...job, name: 'train-workers-0' },
      labels: {
        'jobset.sigs.k8s.io/jobset-name': 'train',
        'jobset.sigs.k8s.io/replicatedjob-name': 'workers',
      },
    },
    'jobset/train/workers',
    'main',
  ],
  [
    'Argo',
    {
      labels: { 'workflows.argoproj.io/workflow': 'align-x7k2p' },
      annotations: { 'workflows.argoproj.io/node-name': 'align-x7k2p.sort' },
      containers: ['wait', 'main'],
    },
    'argo/align/sort',
    'main',
  ],
  [
    'Tekton',
    {
      labels: {
        'tekton.dev/pipeline': 'ci',
        'tekton.dev/pipelineTask': 'build',
        'tekton.dev/taskRun': 'ci-build',
      },
      containers: ['step-build', 'sidecar-docker'],
    },
    'tekton/ci/build',
    'step-build',
  ],
  [
    'Airflow',
    {
      labels: { dag_id: 'etl', task_id: 'load', run_id: 'r', try_number: '1' },
      containers: ['base'],
    },
    'airflow/etl/load',
    'base',
  ],
  [
    'Kubeflow',
    {
      labels: {
        'workflows.argoproj.io/workflow': 'fit-x7k2p',
        'pipelines.kubeflow.org/v2_component': 'true',
      },
      annotations: { 'workflows.argoproj.io/node-name': 'fit-x7k2p.root.train.executor' },
      containers: ['wait', 'main'],
    },
    'kubeflow/fit/train',
    'main',
  ],
  [
    'Spark',
    {
      labels: { 'spark-role': 'executor', 'spark-app-name': 'etl' },
      containers: ['spark-kubernetes-executor'],
    },
    'spark/etl/executor',
    'spark-kubernetes-executor',
  ],
  [
    'GitHub Actions',
    {
      labels: { 'actions.github.com/scale-set-name': 'linux', 'app.kubernetes.io/component': 'runner' },
      containers: ['runner', 'dind'],
    },
    'actions-runner/linux',
    'runner',
  ],
]
