import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerResources, Pod, Texts } from '../../services/kubernetes/domain/pod.ts'
import { parseQuantity } from '../../services/kubernetes/domain/quantity.ts'
import { recordOf } from '../support/executions.ts'
import { pairFixture } from '../support/pair-fixture.ts'
import { type AdmissionFixture, type AdmissionProcess, admissionFixture } from './admission-fixture.ts'
import { job, manifestOf, owners, type PodGiven } from './admission-pods.ts'
import { type Cluster, startCluster } from './cluster.ts'

let cluster: Cluster
let pair: Awaited<ReturnType<typeof pairFixture>>
let fixture: AdmissionFixture
let admission: AdmissionProcess

const megabyte = 1e6

/** The need of every task here: 100 MB and half a core. */
const used = { memoryBytes: 100 * megabyte, cpuCores: 0.5, durationMs: 60_000 }

beforeAll(async () => {
  cluster = await startCluster()
  pair = await pairFixture()
  fixture = await admissionFixture(cluster, pair.estimator.address)
  admission = await fixture.start()
  await namespace('tasks', 'apply')
  for (const task of ['job/sort', ...owners.map(([, , task]) => task)]) await learn('tasks', task)
})

afterAll(async () => {
  await admission?.stop()
  await fixture?.close()
  await pair?.close()
  await cluster?.stop()
})

async function namespace(name: string, mode: string | undefined, annotations: Texts = {}): Promise<void> {
  const labels = mode === undefined ? {} : { 'foresize.dev/mode': mode }
  await cluster.admin.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels, annotations } as never,
  })
  const account = { name: 'default', namespace: name }
  await cluster.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account })
  // The API server's own watch of namespaces takes a moment.
  await sleep(200)
}

async function learn(inNamespace: string, task: string): Promise<void> {
  const key = { namespace: inNamespace, task }
  const more = { task: key, allocated: { memoryBytes: 1000 * megabyte } }
  await pair.report(
    ...Array.from({ length: 12 }, (_, i) => recordOf(`${inNamespace}-${task}-${i}`, used, more)),
  )
  await pair.estimator.estimateUntil(({ executions }) => executions >= 12, { task: key })
}

async function create(given: PodGiven, inNamespace = 'tasks', query: Texts = {}): Promise<Pod> {
  const path = `/api/v1/namespaces/${inNamespace}/pods`
  return (await cluster.admin.request('POST', path, { body: manifestOf(given), query })).body
}

const resourcesOf = (pod: Pod, container = 'main') =>
  pod.spec?.containers.find(({ name }) => name === container)?.resources
const annotationOf = (pod: Pod, name: string) => pod.metadata?.annotations?.[`foresize.dev/${name}`]

/** Enough for the task, and no more than twice of it. */
function expectSized(resources: ContainerResources | undefined): void {
  const memory = parseQuantity(resources?.requests?.['memory'] ?? '')
  expect(memory).toBeGreaterThanOrEqual(used.memoryBytes)
  expect(memory).toBeLessThan(2 * used.memoryBytes)
  expect(resources?.limits?.['memory']).toBe(resources?.requests?.['memory'])
}

describe('a Pod is given what its task was learned to need', () => {
  test.each(owners)('of %s', async (_, given, task, container) => {
    const pod = await create(given)
    expect(annotationOf(pod, 'task')).toBe(task)
    expect(annotationOf(pod, 'container')).toBe(container)
    expect(annotationOf(pod, 'decision')).toBe('learned')
    expect(annotationOf(pod, 'estimate-token')).toMatch(/^[A-Za-z0-9+/]+=*$/)
    expectSized(resourcesOf(pod, container))
    for (const { name, resources } of pod.spec?.containers ?? [])
      if (name !== container) expect(resources).toEqual({})
  })

  test('and its init containers and sidecars are left alone', async () => {
    const initContainers = [
      { name: 'fetch', image: 'x' },
      { name: 'proxy', image: 'x', restartPolicy: 'Always', resources: { requests: { memory: '1Gi' } } },
    ]
    const pod = await create({ owner: job, spec: { initContainers } })
    expectSized(resourcesOf(pod))
    expect(pod.spec?.initContainers?.map(({ resources }) => resources)).toEqual([
      {},
      { requests: { memory: '1Gi' } },
    ])
  })

  test('but not what its owner has fixed', async () => {
    const resources = { requests: { memory: '1Gi' }, limits: { memory: '1Gi' } }
    const pod = await create({ owner: job, resources })
    expect(annotationOf(pod, 'decision')).toBe('explicit')
    expect(resourcesOf(pod)).toMatchObject({ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } })
  })

  test('in place of its request, where the namespace says that it is one', async () => {
    await namespace('requests', 'apply', { 'foresize.dev/resources': 'request' })
    await learn('requests', 'job/sort')
    const resources = { requests: { memory: '1Gi', cpu: '2' }, limits: { memory: '1Gi', cpu: '2' } }
    const pod = await create({ owner: job, resources }, 'requests')
    expectSized(resourcesOf(pod))
    // It was Guaranteed.
    expect(resourcesOf(pod)?.limits).toEqual(resourcesOf(pod)?.requests)
    expect(annotationOf(pod, 'requested')).toBe('{"cpu":"2","memory":"1Gi"}')
  })

  test('over what a LimitRange fills in, which nobody has asked for', async () => {
    await namespace('limited', 'apply')
    await learn('limited', 'job/sort')
    const limits = [{ type: 'Container', default: { memory: '2Gi' }, defaultRequest: { memory: '1Gi' } }]
    const path = '/api/v1/namespaces/limited/limitranges'
    await cluster.admin.request('POST', path, { body: { metadata: { name: 'defaults' }, spec: { limits } } })
    await sleep(1000)
    expectSized(resourcesOf(await create({ owner: job }, 'limited')))
  })

  test.each([
    ['a largest amount', { type: 'Container', max: { memory: '64Mi' } }, '64Mi', { memory: '64Mi' }],
    ['a smallest amount', { type: 'Container', min: { memory: '2000M' } }, '4Gi', { memory: '1908Mi' }],
    [
      'a ratio of limit and request',
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      '4Gi',
      { cpu: '2' },
    ],
    ['an amount for all of the Pod', { type: 'Pod', max: { memory: '96Mi' } }, '96Mi', { memory: '96Mi' }],
  ])('and no more and no less than a LimitRange allows, which would refuse the Pod: %s', async (...row) => {
    const [name, limit, memory, given] = row
    const space = `bounded-${name.toLowerCase().replaceAll(' ', '-')}`
    await namespace(space, 'apply', { 'foresize.dev/resources': 'request' })
    await learn(space, 'job/sort')
    await cluster.admin.request('POST', `/api/v1/namespaces/${space}/limitranges`, {
      body: { metadata: { name: 'bounds' }, spec: { limits: [limit] } },
    })
    await sleep(1000)
    const resources = { requests: { memory, cpu: '3' }, limits: { memory, cpu: '4' } }
    const pod = await create({ owner: job, resources }, space)
    // Less than the task needs is not what was learned; it is what its owner asked for.
    expect(annotationOf(pod, 'decision')).toMatch(/^(learned|not-confident)$/)
    expect(resourcesOf(pod)?.requests).toMatchObject(given)
  })

  test('only as a word of advice in the mode advise, and as a token in shadow', async () => {
    for (const mode of ['advise', 'shadow']) {
      await namespace(mode, mode)
      await learn(mode, 'job/sort')
      const pod = await create({ owner: job }, mode)
      expect(resourcesOf(pod)).toEqual({})
      expect(annotationOf(pod, 'decision')).toBe(mode)
      expect(annotationOf(pod, 'estimate-token')).toBeDefined()
      expect(annotationOf(pod, 'advice') === undefined).toBe(mode === 'shadow')
    }
  })
})

describe('a Pod stays as it is', () => {
  test.each([
    ['of a Deployment', { owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d9c8' } }],
    ['by itself', {}],
    ['turned off by its annotation', { owner: job, annotations: { 'foresize.dev/mode': 'off' } }],
  ])('%s', async (_, given) => {
    const pod = await create(given)
    expect(resourcesOf(pod)).toEqual({})
    expect(annotationOf(pod, 'decision')).toBeUndefined()
  })

  test('in a namespace that has not opted in', async () => {
    await namespace('others', undefined)
    expect(annotationOf(await create({ owner: job }, 'others'), 'decision')).toBeUndefined()
  })

  test('with a task that nobody knows, which is said', async () => {
    const pod = await create({ owner: { ...job, name: 'never-seen' } })
    expect(resourcesOf(pod)).toEqual({})
    expect(annotationOf(pod, 'decision')).toMatch(/unknown-task|too-few-executions/)
  })

  test('and its maker is warned of an annotation that cannot be read', async () => {
    const body = manifestOf({ owner: job, annotations: { 'foresize.dev/feature.input_bytes': 'many' } })
    const { warnings } = await cluster.admin.request('POST', '/api/v1/namespaces/tasks/pods', { body })
    expect(warnings.join()).toContain('foresize.dev/feature.input_bytes must be a number')
  })
})

const container = { name: 'main', image: 'x' }
const jobOf = (name: string, more: object, labels: Texts = {}) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, labels },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } }, ...more },
})
const createJob = async (body: object) =>
  (await cluster.admin.request('POST', '/apis/batch/v1/namespaces/tasks/jobs', { body })).body

describe('a Job', () => {
  test('that waits for a queue is sized before the queue counts it', async () => {
    const { spec } = await createJob(jobOf('sort-x7k2p', { suspend: true }))
    expectSized(spec.template.spec.containers[0].resources)
    expect(spec.template.metadata.annotations).toMatchObject({
      'foresize.dev/task': 'job/sort',
      'foresize.dev/decision': 'learned',
    })
    const pod = await create({
      owner: { ...job, name: 'sort-x7k2p' },
      annotations: spec.template.metadata.annotations,
      resources: spec.template.spec.containers[0].resources,
    })
    expect(resourcesOf(pod)).toEqual(spec.template.spec.containers[0].resources)
  })

  test('of a queue of Kueue, which suspends it later', async () => {
    const { spec } = await createJob(jobOf('sort-x7k2q', {}, { 'kueue.x-k8s.io/queue-name': 'q' }))
    expectSized(spec.template.spec.containers[0].resources)
  })

  test('that starts at once is left to its Pods', async () => {
    const { spec } = await createJob(jobOf('sort-x7k2r', {}))
    expect(spec.template.spec.containers[0].resources).toEqual({})
  })
})

describe('a retry', () => {
  /** A Pod of the Job, ended as the kubelet and the Job's controller write it. */
  async function failedPod(
    owner: PodGiven['owner'] & { readonly uid: string },
    status: object,
  ): Promise<Pod> {
    const pod = await create({ owner, labels: { 'batch.kubernetes.io/controller-uid': owner.uid } })
    const path = `/api/v1/namespaces/tasks/pods/${pod.metadata?.name}/status`
    const patch = { type: 'application/merge-patch+json', body: { status: { phase: 'Failed', ...status } } }
    await cluster.admin.request('PATCH', path, patch)
    const ofJob = `/apis/batch/v1/namespaces/tasks/jobs/${owner.name}/status`
    const counted = { status: { failed: 1, startTime: new Date().toISOString() } }
    await cluster.admin.request('PATCH', ofJob, { type: 'application/merge-patch+json', body: counted })
    // The controller waits for ten.
    await sleep(3000)
    return pod
  }
  const terminated = (exitCode: number, reason: string) => ({
    containerStatuses: [
      {
        name: 'main',
        image: 'x',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode, reason } },
      },
    ],
  })

  test('after a kill for want of memory is given more than the attempt before', async () => {
    const { metadata } = await createJob(jobOf('sort-x7k2s', {}))
    const owner = { ...job, name: 'sort-x7k2s', uid: metadata.uid }
    const first = await failedPod(owner, terminated(137, 'OOMKilled'))
    const retry = await create({ owner, labels: { 'batch.kubernetes.io/controller-uid': owner.uid } })
    const [before, after] = [first, retry].map((pod) =>
      parseQuantity(resourcesOf(pod)?.limits?.['memory'] ?? ''),
    )
    expect(after).toBeGreaterThan(before ?? Number.POSITIVE_INFINITY)
    expect(annotationOf(retry, 'decision')).toBe('escalated')
    expect(annotationOf(retry, 'attempt')).toBe('2')
    expect(annotationOf(retry, 'retry-of')).toBe(first.metadata?.uid)
  })

  test('after any other failure is the next attempt, and given what was learned', async () => {
    const { metadata } = await createJob(jobOf('sort-x7k2t', {}))
    const owner = { ...job, name: 'sort-x7k2t', uid: metadata.uid }
    await failedPod(owner, terminated(1, 'Error'))
    const retry = await create({ owner, labels: { 'batch.kubernetes.io/controller-uid': owner.uid } })
    expectSized(resourcesOf(retry))
    expect(annotationOf(retry, 'attempt')).toBe('2')
  })
})

/** Reviews that were counted as learned. */
async function learnedReviews(): Promise<number> {
  const page = await (await fetch(admission.metricsUrl)).text()
  return Number(
    /^foresize_admission_reviews_total\{kind="Pod",result="learned"\} (\d+)$/m.exec(page)?.[1] ?? 0,
  )
}

test('a dry run says what would be given, and has no effect: nothing is made, nothing counted', async () => {
  const before = await learnedReviews()
  const pod = await create({ owner: job }, 'tasks', { dryRun: 'All' })
  expectSized(resourcesOf(pod))
  expect(await learnedReviews()).toBe(before)
  const path = `/api/v1/namespaces/tasks/pods/${pod.metadata?.name}`
  expect((await cluster.admin.request('GET', path, { allow: 'any' })).status).toBe(404)
  await create({ owner: job })
  expect(await learnedReviews()).toBe(before + 1)
})

describe('RBAC', () => {
  /** Verb, group, resource, namespace, name. */
  const may: readonly (readonly string[])[] = [
    ['get', '', 'namespaces'],
    ['list', '', 'namespaces'],
    ['watch', '', 'namespaces'],
    ['list', '', 'limitranges', 'tasks'],
    ['watch', '', 'limitranges', 'tasks'],
    ['get', 'batch', 'jobs', 'tasks'],
    ['list', '', 'pods', 'tasks'],
    ['watch', '', 'pods', 'tasks'],
    ['get', '', 'secrets', 'foresize', 'foresize-admission-self-signed'],
    ['update', '', 'secrets', 'foresize', 'foresize-admission-self-signed'],
    ['get', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations', '', 'foresize-admission'],
    ['patch', 'admissionregistration.k8s.io', 'mutatingwebhookconfigurations', '', 'foresize-admission'],
  ]
  const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']
  const resources = [
    ['', 'namespaces'],
    ['', 'pods', 'tasks'],
    ['', 'pods/exec', 'tasks'],
    ['', 'pods/log', 'tasks'],
    ['', 'secrets', 'tasks'],
    ['', 'secrets', 'foresize'],
    ['', 'secrets', 'foresize', 'foresize-tokens'],
    ['', 'secrets', 'foresize', 'foresize-admission-self-signed'],
    ['', 'secrets', 'tasks', 'foresize-admission-self-signed'],
    ['', 'configmaps', 'foresize'],
    ['', 'nodes'],
    ['', 'limitranges', 'tasks'],
    ['', 'serviceaccounts/token', 'foresize'],
    ['batch', 'jobs', 'tasks'],
    ['apps', 'deployments', 'foresize'],
    ['admissionregistration.k8s.io', 'mutatingwebhookconfigurations'],
    ['admissionregistration.k8s.io', 'mutatingwebhookconfigurations', '', 'foresize-admission'],
    ['admissionregistration.k8s.io', 'mutatingwebhookconfigurations', '', 'other'],
    ['rbac.authorization.k8s.io', 'clusterroles'],
  ] as const

  test('allows what the webhook does, and nothing else', async () => {
    const asked = resources.flatMap((resource) => verbs.map((verb) => [verb, ...resource] as const))
    const allowed: unknown[] = []
    for (const [verb, group, resource, inNamespace, name] of asked) {
      const resourceAttributes = { verb, group, resource, namespace: inNamespace, name }
      const body = {
        spec: { user: 'system:serviceaccount:foresize:foresize-admission', resourceAttributes },
      }
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
      const { status } = (await cluster.admin.request('POST', path, { body })).body
      if (status.allowed)
        allowed.push([verb, group, resource, inNamespace, name].slice(0, name ? 5 : inNamespace ? 4 : 3))
    }
    expect(allowed).toHaveLength(may.length)
    expect(allowed).toEqual(expect.arrayContaining([...may]))
  })
})

test('a certificate is renewed while Pods are made, and each of them is sized', async () => {
  await admission.stop()
  const secret = '/api/v1/namespaces/foresize/secrets/foresize-admission-self-signed'
  // One of the longest time is not due: it is taken away.
  await cluster.admin.request('PATCH', secret, { type: 'application/merge-patch+json', body: { data: null } })
  admission = await fixture.start(['--self-signed-validity-ms', '30000'])
  const certificate = async () => (await cluster.admin.request('GET', secret)).body.data['tls.crt'] as string
  const first = await certificate()
  const giveUp = AbortSignal.timeout(60_000)
  let isRenewed = false
  for (let after = 0; after < 10; ) {
    expect(annotationOf(await create({ owner: job }), 'decision')).toBe('learned')
    await sleep(100)
    isRenewed ||= (await certificate()) !== first
    if (isRenewed) after++
    if (giveUp.aborted) throw new Error('the certificate was not renewed')
  }
})

test('with the estimator away a Pod goes on as it is, and says why', async () => {
  await admission.stop()
  admission = await fixture.start(['--estimator', `127.0.0.1:${fixture.port}`])
  const pod = await create({ owner: job })
  expect(resourcesOf(pod)).toEqual({})
  expect(annotationOf(pod, 'decision')).toBe('unavailable')
})

test('with the webhook away Pods and Jobs are made all the same', async () => {
  await admission.stop()
  const pod = await create({ owner: job })
  expect(resourcesOf(pod)).toEqual({})
  expect(annotationOf(pod, 'decision')).toBeUndefined()
  const { spec } = await createJob(jobOf('sort-x7k2v', { suspend: true }))
  expect(spec.template.spec.containers[0].resources).toEqual({})
})
