import { describe, expect, test } from 'vitest'
import { firstAttempt } from '../../../services/kubernetes/domain/attempts.ts'
import { decisionOf } from '../../../services/kubernetes/domain/decision.ts'
import { waitingPodOf } from '../../../services/kubernetes/domain/job.ts'
import { patchOf } from '../../../services/kubernetes/domain/json-patch.ts'
import type { NamespacePolicy } from '../../../services/kubernetes/domain/namespace-policy.ts'
import type { ContainerResources, Pod, Texts } from '../../../services/kubernetes/domain/pod.ts'
import {
  isSizedBefore,
  type SizingRequest,
  sizingRequestOf,
} from '../../../services/kubernetes/domain/sizing-request.ts'
import type { Sizing } from '../../../services/scheduler/domain/sizing.ts'
import { podOf } from './pods.ts'

const policy: NamespacePolicy = { mode: 'apply', resources: 'explicit', limits: 'memory', max: {} }
const asRequest: NamespacePolicy = { ...policy, resources: 'request' }
const mi = 2 ** 20

const withResources = (resources: ContainerResources | undefined, annotations: Texts = {}): Pod => ({
  ...podOf({ kind: 'Job', name: 'sort' }, { annotations }),
  spec: { containers: [{ name: 'main', resources }] },
})

function requestOf(pod: Pod, of: NamespacePolicy = policy): SizingRequest {
  const request = sizingRequestOf(pod, 'tasks', of)
  if ('left' in request) throw new Error(request.left)
  return request
}

const learned: Sizing = {
  allocated: { memoryBytes: 100 * mi, cpuCores: 0.5, durationMs: 1000 },
  advice: { memoryBytes: 100 * mi, cpuCores: 0.5 },
  reason: 'learned',
  explanation: 'from profile',
}

const decide = (pod: Pod, of: NamespacePolicy = policy, sizing: Sizing = learned) =>
  decisionOf(pod, requestOf(pod, of), firstAttempt, sizing, 'dG9rZW4=', of.limits)

describe('what a container asks for', () => {
  const asked = withResources({ requests: { memory: '1Gi' } })

  test('is fixed where the namespace says nothing, and a request where it says so', () => {
    expect(requestOf(asked)).toMatchObject({
      explicit: { memoryBytes: 1024 * mi },
      requested: { memoryBytes: 1024 * mi },
    })
    expect(requestOf(asked, asRequest)).toMatchObject({ explicit: {}, requested: { memoryBytes: 1024 * mi } })
  })

  test('is not fixed where a LimitRange has filled it in', () => {
    const text = 'LimitRanger plugin set: memory request for container main'
    const pod = withResources({ requests: { memory: '1Gi' } }, { 'kubernetes.io/limit-ranger': text })
    expect(requestOf(pod)).toMatchObject({ explicit: {}, requested: { memoryBytes: 1024 * mi } })
  })
})

describe('a Pod is left as it is', () => {
  test.each([
    ['off by its annotation', withResources(undefined, { 'foresize.dev/mode': 'off' }), policy, 'off'],
    ['off by its namespace', withResources(undefined), { ...policy, mode: 'off' as const }, 'off'],
    ['no task', podOf(undefined), policy, 'no-task'],
    [
      'sized as a whole by its owner',
      {
        ...withResources(undefined),
        spec: { containers: [{ name: 'main' }], resources: { limits: { memory: '1Gi' } } },
      },
      policy,
      'pod-resources',
    ],
  ])('%s', (_, pod, of, left) => {
    expect(sizingRequestOf(pod, 'tasks', of)).toMatchObject({ left })
  })

  test('with a mode that there is not, which is named', () => {
    const pod = withResources(undefined, { 'foresize.dev/mode': 'on', 'foresize.dev/feature.size': 'big' })
    expect(sizingRequestOf(pod, 'tasks', policy)).toMatchObject({
      left: 'off',
      violations: [{ field: 'foresize.dev/feature.size' }, { field: 'foresize.dev/mode' }],
    })
  })
})

test('a Pod turns learning on for itself in a namespace that has opted in', () => {
  const pod = withResources(undefined, { 'foresize.dev/mode': 'apply' })
  expect(requestOf(pod, { ...policy, mode: 'off' }).mode).toBe('apply')
})

test('features are numbers or quantities', () => {
  const pod = withResources(undefined, {
    'foresize.dev/feature.input_bytes': '2Gi',
    'foresize.dev/feature.items': '1e3',
    'foresize.dev/label.tool': 'bwa',
  })
  expect(requestOf(pod)).toMatchObject({
    features: { input_bytes: 2 ** 31, items: 1000 },
    labels: { tool: 'bwa' },
  })
})

describe('what was learned', () => {
  test('is given in the mode apply, with all that the agent has to know', () => {
    expect(decide(withResources(undefined))).toEqual({
      reason: 'learned',
      resources: { requests: { memory: '100Mi', cpu: '500m' }, limits: { memory: '100Mi' } },
      annotations: {
        'foresize.dev/task': 'job/sort',
        'foresize.dev/container': 'main',
        'foresize.dev/decision': 'learned',
        'foresize.dev/reason': 'from profile',
        'foresize.dev/requested': '{}',
        'foresize.dev/estimate-token': 'dG9rZW4=',
      },
    })
  })

  test.each(['shadow', 'advise'] as const)('leaves resources alone in the mode %s', (mode) => {
    const { resources, reason, annotations } = decide(
      withResources(undefined),
      { ...policy, mode },
      { ...learned, reason: mode },
    )
    expect({ resources, reason }).toEqual({ resources: undefined, reason: mode })
    expect(annotations['foresize.dev/advice']).toBe(
      mode === 'advise' ? '{"cpu":"500m","memory":"100Mi"}' : undefined,
    )
  })

  test('is not escalated in shadow either, whatever the attempt before ran out of', () => {
    const sizing: Sizing = { ...learned, reason: 'escalated' }
    const { resources, reason } = decide(withResources(undefined), { ...policy, mode: 'shadow' }, sizing)
    expect({ resources, reason }).toEqual({ resources: undefined, reason: 'shadow' })
  })

  test('never replaces what is explicit', () => {
    const pod = withResources({ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } })
    const sizing: Sizing = {
      ...learned,
      reason: 'explicit',
      allocated: { memoryBytes: 1024 * mi, cpuCores: 0.5 },
    }
    expect(decide(pod, policy, sizing).resources).toEqual({
      requests: { memory: '1Gi', cpu: '500m' },
      limits: { memory: '1Gi' },
    })
  })

  test('leaves what is given as asked for as it was written', () => {
    const pod = withResources({ requests: { memory: '1G' } })
    const sizing: Sizing = { ...learned, allocated: { memoryBytes: 1e9, cpuCores: 0.5 } }
    expect(decide(pod, asRequest, sizing).resources).toMatchObject({
      requests: { memory: '1G', cpu: '500m' },
    })
  })
})

test.each(['unknown-task', 'too-few-executions', 'not-confident', 'unavailable', 'off'] as const)(
  'a default is no reason to give a limit to a Pod that asks for none: %s',
  (reason) => {
    const { resources, annotations } = decide(withResources(undefined), policy, { ...learned, reason })
    expect(resources).toBeUndefined()
    expect(annotations['foresize.dev/decision']).toBe(reason)
  },
)

describe('the patch', () => {
  const decision = {
    reason: 'learned' as const,
    resources: { requests: { memory: '1Mi' } },
    annotations: { 'a/b~c': 'd' },
  }

  test('adds annotations beside those that are there, and the resources of the one container', () => {
    const pod = withResources(undefined, { kept: 'x' })
    expect(patchOf(pod, '', 0, decision)).toEqual([
      { op: 'add', path: '/metadata/annotations/a~1b~0c', value: 'd' },
      { op: 'add', path: '/spec/containers/0/resources', value: { requests: { memory: '1Mi' } } },
    ])
  })

  test('makes what is not there yet, in the template of a Job too', () => {
    expect(patchOf({ spec: { containers: [] } }, '/spec/template', 2, decision)).toEqual([
      { op: 'add', path: '/spec/template/metadata', value: { annotations: { 'a/b~c': 'd' } } },
      {
        op: 'add',
        path: '/spec/template/spec/containers/2/resources',
        value: { requests: { memory: '1Mi' } },
      },
    ])
  })
})

describe('a Job', () => {
  const template: Pod = { spec: { containers: [{ name: 'main' }] } }

  test('that waits for a queue is sized whole, by the name that its Pods will say', () => {
    const pod = waitingPodOf({ metadata: { name: 'sort-x7k2p' }, spec: { suspend: true, template } })
    expect(pod && requestOf(pod).task.task).toBe('job/sort')
  })

  test('of a queue of Kueue waits, though it is suspended only after us', () => {
    const labels = { 'kueue.x-k8s.io/queue-name': 'q' }
    expect(waitingPodOf({ metadata: { labels }, spec: { suspend: false, template } })).toBeDefined()
  })

  test('that starts at once is left to its Pods', () => {
    expect(waitingPodOf({ metadata: {}, spec: { template } })).toBeUndefined()
  })

  test('that was sized leaves its Pods be, but for a retry after want of memory, from what was asked at first', () => {
    const pod = withResources(
      { requests: { memory: '100Mi' }, limits: { memory: '100Mi' } },
      { 'foresize.dev/decision': 'learned', 'foresize.dev/requested': '{"cpu":"1"}' },
    )
    const request = requestOf(pod)
    expect(isSizedBefore(request, firstAttempt)).toBe(true)
    expect(isSizedBefore(request, { attempt: 2, previousOutcome: 'failed' })).toBe(true)
    expect(isSizedBefore(request, { attempt: 2, previousOutcome: 'out-of-memory' })).toBe(false)
    expect(request).toMatchObject({ explicit: { cpuCores: 1 }, requested: { cpuCores: 1 } })
  })
})
