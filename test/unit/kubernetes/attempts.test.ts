import { describe, expect, test } from 'vitest'
import { attemptAfter, retrySourceOf } from '../../../services/kubernetes/domain/attempts.ts'
import type { Pod, Texts } from '../../../services/kubernetes/domain/pod.ts'
import { podOf } from './pods.ts'

const killed = { name: 'main', state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }

/** A Pod that was killed for memory with 1 GiB. */
const failed = (uid: string, pod: Pod, annotations: Texts = {}): Pod => ({
  metadata: { ...pod.metadata, uid, annotations: { ...pod.metadata?.annotations, ...annotations } },
  spec: {
    containers: [{ name: 'main', resources: { requests: { memory: '1Gi' }, limits: { memory: '1Gi' } } }],
  },
  status: { phase: 'Failed', containerStatuses: [killed] },
})

const ofJob = (annotations: Texts = {}) => podOf({ kind: 'Job', name: 'sort' }, { annotations })
const index = (i: number) => ({ 'batch.kubernetes.io/job-completion-index': String(i) })
const source = (pod: Pod) => {
  const found = retrySourceOf(pod)
  if (found === undefined) throw new Error('it is no retry')
  return found
}

describe('a Pod of a Job', () => {
  test('is the next attempt after one that has failed, with what that was given and how it ended', () => {
    expect(attemptAfter(source(ofJob()), [failed('a', ofJob())], 'main')).toEqual({
      attempt: 2,
      previousOutcome: 'out-of-memory',
      previousAllocation: { memoryBytes: 2 ** 30 },
      retryOf: 'a',
    })
  })

  test('counts on from the attempt before', () => {
    const before = failed('b', ofJob(), { 'foresize.dev/attempt': '2', 'foresize.dev/retry-of': 'a' })
    expect(attemptAfter(source(ofJob()), [failed('a', ofJob()), before], 'main')).toMatchObject({
      attempt: 3,
      retryOf: 'b',
    })
  })

  test('is a first attempt where each that failed was retried: the Job has many Pods', () => {
    const retry = { ...ofJob({ 'foresize.dev/retry-of': 'a' }), status: { phase: 'Running' } }
    expect(attemptAfter(source(ofJob()), [failed('a', ofJob()), retry], 'main')).toEqual({ attempt: 1 })
  })

  test('of an indexed Job retries its own index only', () => {
    const others = [failed('a', ofJob(index(0))), failed('b', ofJob(index(1)))]
    expect(attemptAfter(source(ofJob(index(1))), others, 'main')).toMatchObject({ retryOf: 'b' })
    expect(attemptAfter(source(ofJob(index(2))), others, 'main')).toEqual({ attempt: 1 })
  })
})

describe('where labels say which attempt it is', () => {
  const argoPod = (node: string) =>
    podOf(undefined, {
      labels: { 'workflows.argoproj.io/workflow': 'wf' },
      annotations: { 'workflows.argoproj.io/node-name': node },
    })
  const airflowPod = (attempt: number) =>
    podOf(undefined, { labels: { dag_id: 'etl', task_id: 'load', run_id: 'r', try_number: String(attempt) } })
  const tektonPod = (name: string): Pod => {
    const pod = podOf(undefined, { labels: { 'tekton.dev/taskRun': 'build' } })
    return { ...pod, metadata: { ...pod.metadata, name } }
  }

  test.each([
    ['Argo', argoPod('wf.sort(2)'), argoPod('wf.sort(1)'), argoPod('wf.other(1)'), 3],
    ['Airflow', airflowPod(2), airflowPod(1), airflowPod(3), 2],
    ['Tekton', tektonPod('build-pod-retry1'), tektonPod('build-pod'), tektonPod('build-pod-retry2'), 2],
  ])('%s', (_, pod, before, other, attempt) => {
    expect(attemptAfter(source(pod), [failed('x', other), failed('a', before)], 'main')).toMatchObject({
      attempt,
      previousOutcome: 'out-of-memory',
      retryOf: 'a',
    })
    expect(attemptAfter(source(pod), [], 'main')).toEqual({ attempt })
  })

  test.each([
    ['Argo without retries', argoPod('wf.sort')],
    ['Argo, one item of a loop', argoPod('wf.sort(1:b)')],
    ['Argo, the first of several', argoPod('wf.sort(0)')],
    ['Airflow', airflowPod(1)],
    ['Tekton', tektonPod('build-pod')],
    ['a Pod by itself', podOf(undefined)],
  ])('nothing has to be looked for at a first attempt: %s', (_, pod) => {
    expect(retrySourceOf(pod)).toBeUndefined()
  })
})
