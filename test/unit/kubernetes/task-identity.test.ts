import { describe, expect, test } from 'vitest'
import type { Pod } from '../../../services/kubernetes/domain/pod.ts'
import { taskIdentityOf } from '../../../services/kubernetes/domain/task-identity.ts'
import { withoutRun } from '../../../services/kubernetes/domain/task-sources.ts'
import { podOf } from './pods.ts'

const workflow = { kind: 'Workflow', name: 'align-x7k2p', apiVersion: 'argoproj.io/v1alpha1' }
const argoPod = (nodeName: string, template?: string): Pod => {
  const pod = podOf(workflow, {
    labels: { 'workflows.argoproj.io/workflow': 'align-x7k2p' },
    annotations: { 'workflows.argoproj.io/node-name': nodeName },
    containers: ['wait', 'main'],
  })
  if (template === undefined) return pod
  const env = [{ name: 'ARGO_TEMPLATE', value: JSON.stringify({ name: template }) }]
  return { ...pod, spec: { containers: [{ name: 'wait', env }, { name: 'main' }] } }
}

const byOwner: readonly (readonly [string, Pod, string, string])[] = [
  ['a Job', podOf({ kind: 'Job', name: 'sort' }), 'job/sort', 'main'],
  ['a Job of a CronJob', podOf({ kind: 'Job', name: 'nightly-29012345' }), 'job/nightly', 'main'],
  ['a Job with a generated name', podOf({ kind: 'Job', name: 'sort-x7k2p' }), 'job/sort', 'main'],
  [
    'a JobSet',
    podOf(
      { kind: 'Job', name: 'train-workers-0' },
      {
        labels: {
          'jobset.sigs.k8s.io/jobset-name': 'train',
          'jobset.sigs.k8s.io/replicatedjob-name': 'workers',
        },
      },
    ),
    'jobset/train/workers',
    'main',
  ],
  ['Argo, by its template', argoPod('align-x7k2p[0].a-step(1:b.txt)', 'sort'), 'argo/align/sort', 'main'],
  ['Argo, by its node', argoPod('align-x7k2p[0].a-step(1:b.txt)(2)'), 'argo/align/a-step', 'main'],
  [
    'Tekton',
    podOf(
      { kind: 'TaskRun', name: 'ci-x7k2p-build', apiVersion: 'tekton.dev/v1' },
      {
        labels: {
          'tekton.dev/pipeline': 'ci',
          'tekton.dev/pipelineTask': 'build',
          'tekton.dev/task': 'kaniko',
        },
        containers: ['step-build', 'sidecar-docker'],
      },
    ),
    'tekton/ci/build',
    'step-build',
  ],
  [
    'a TaskRun of Tekton by itself',
    podOf(undefined, { labels: { 'tekton.dev/taskRun': 'build-x7k2p' }, containers: ['step-build'] }),
    'tekton/build',
    'step-build',
  ],
  [
    'Airflow, by annotations, which hold what labels cannot',
    podOf(undefined, {
      labels: { dag_id: 'etl_1', task_id: 'load' },
      annotations: { dag_id: 'etl/1', task_id: 'load' },
      containers: ['base', 'istio-proxy'],
    }),
    'airflow/etl/1/load',
    'base',
  ],
  [
    'Kubeflow Pipelines 2',
    podOf(workflow, {
      labels: {
        'workflows.argoproj.io/workflow': 'train-x7k2p',
        'pipelines.kubeflow.org/v2_component': 'true',
      },
      annotations: { 'workflows.argoproj.io/node-name': 'train-x7k2p.root.fit-model.executor' },
      containers: ['wait', 'main'],
    }),
    'kubeflow/train/fit-model',
    'main',
  ],
  [
    'Kubeflow Pipelines 1',
    podOf(workflow, {
      labels: { 'workflows.argoproj.io/workflow': 'train-x7k2p' },
      annotations: { 'pipelines.kubeflow.org/component_spec': '{"name":"Fit model"}' },
      containers: ['wait', 'main'],
    }),
    'kubeflow/train/Fit model',
    'main',
  ],
  [
    'Spark',
    podOf(undefined, {
      labels: { 'spark-role': 'executor', 'spark-app-name': 'etl' },
      containers: ['spark-kubernetes-executor'],
    }),
    'spark/etl/executor',
    'spark-kubernetes-executor',
  ],
  [
    'a runner of GitHub Actions',
    podOf(
      {
        kind: 'EphemeralRunner',
        name: 'linux-x7k2p-runner-abcde',
        apiVersion: 'actions.github.com/v1alpha1',
      },
      {
        labels: { 'actions.github.com/scale-set-name': 'linux', 'app.kubernetes.io/component': 'runner' },
        containers: ['runner', 'dind'],
      },
    ),
    'actions-runner/linux',
    'runner',
  ],
]

describe('without annotations the task is named after what made the Pod', () => {
  test.each(byOwner)('%s', (_, pod, task, container) => {
    expect(taskIdentityOf(pod, 'tasks')).toEqual({ task: { namespace: 'tasks', task }, container })
  })

  test.each([
    ['a Deployment', podOf({ kind: 'ReplicaSet', name: 'web-5d9c8', apiVersion: 'apps/v1' })],
    ['a Pod by itself', podOf(undefined)],
    [
      'the listener of a scale set, which is a service',
      podOf(undefined, {
        labels: {
          'actions.github.com/scale-set-name': 'linux',
          'app.kubernetes.io/component': 'runner-scale-set-listener',
        },
      }),
    ],
  ])('%s is no task', (_, pod) => {
    expect(taskIdentityOf(pod, 'tasks')).toEqual({
      unknown: expect.stringContaining('no annotation names one'),
    })
  })
})

describe('annotations', () => {
  test('name a task that nothing else names', () => {
    const pod = podOf(undefined, { annotations: { 'foresize.dev/task': 'reports/monthly' } })
    expect(taskIdentityOf(pod, 'tasks')).toMatchObject({ task: { task: 'reports/monthly' } })
  })

  test('win over owners and labels, and say which container is the task', () => {
    const annotations = { 'foresize.dev/task': 'sort', 'foresize.dev/container': 'work' }
    const pod = podOf({ kind: 'Job', name: 'other' }, { annotations, containers: ['proxy', 'work'] })
    expect(taskIdentityOf(pod, 'tasks')).toEqual({
      task: { namespace: 'tasks', task: 'sort' },
      container: 'work',
    })
  })

  test('that name a container which is not there leave the Pod alone', () => {
    const pod = podOf({ kind: 'Job', name: 'a' }, { annotations: { 'foresize.dev/container': 'x' } })
    expect(taskIdentityOf(pod, 'tasks')).toEqual({ unknown: 'there is no container x' })
  })
})

test('of several containers none is guessed at', () => {
  const pod = podOf({ kind: 'Job', name: 'a' }, { containers: ['one', 'two'] })
  expect(taskIdentityOf(pod, 'tasks')).toEqual({ unknown: expect.stringContaining('2 containers') })
})

test.each([
  ['align-x7k2p', 'align'],
  ['nightly-29012345', 'nightly'],
  ['nightly-1795938000', 'nightly'],
  ['train-small', 'train-small'],
  ['v2-fastq', 'v2-fastq'],
  ['step-1', 'step-1'],
])('the run is left out of the name %s, and nothing else', (name, task) => {
  expect(withoutRun(name)).toBe(task)
})
