import { expect, test } from 'vitest'
import { cutOffRunOf, endedRunsOf } from '../../../services/kubernetes/domain/container-runs.ts'
import { executionOfRun } from '../../../services/kubernetes/domain/execution-of-run.ts'
import { keptOf } from '../../../services/kubernetes/domain/kept-pod.ts'
import { outcomeOf } from '../../../services/kubernetes/domain/outcome.ts'
import type { ContainerStatus, Pod, PodStatus } from '../../../services/kubernetes/domain/pod.ts'

const ended = (exitCode: number, reason?: string) => ({
  terminated: {
    exitCode,
    reason,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:01:00Z',
    containerID: 'containerd://abc',
  },
})

const podOf = (
  container: Partial<ContainerStatus>,
  status: PodStatus = {},
  metadata: Pod['metadata'] = {},
): Pod => ({
  metadata: { uid: 'uid', name: 'pod', namespace: 'tasks', ...metadata },
  spec: {
    containers: [
      {
        name: 'main',
        resources: { requests: { cpu: '500m', memory: '100Mi' }, limits: { cpu: '2', memory: '200Mi' } },
      },
    ],
  },
  status: { ...status, containerStatuses: [{ name: 'main', ...container }] },
})

const disrupted = (reason: string) => ({ conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] })

test.each([
  ['ended by itself', podOf({ state: ended(0) }), 'succeeded'],
  ['failed', podOf({ state: ended(1) }), 'failed'],
  ['was killed for memory', podOf({ state: ended(137, 'OOMKilled') }), 'out-of-memory'],
  ['lost one process to memory and failed of it', podOf({ state: ended(1, 'OOMKilled') }), 'out-of-memory'],
  [
    'was killed for memory, then evicted',
    podOf({ state: ended(137, 'OOMKilled') }, { reason: 'Evicted' }),
    'out-of-memory',
  ],
  ['was evicted', podOf({ state: ended(137) }, { phase: 'Failed', reason: 'Evicted' }), 'evicted'],
  ['was preempted', podOf({ state: ended(137) }, disrupted('PreemptionByScheduler')), 'evicted'],
  [
    'took too long',
    podOf({ state: ended(137) }, { phase: 'Failed', reason: 'DeadlineExceeded' }),
    'timed-out',
  ],
  ['was on a node that is gone', podOf({ state: ended(137) }, disrupted('DeletionByTaintManager')), 'lost'],
  ['ended while the kubelet was away', podOf({ state: ended(137, 'ContainerStatusUnknown') }), 'lost'],
  ['was deleted', podOf({ state: ended(143) }, {}, { deletionTimestamp: 'now' }), 'cancelled'],
  [
    'was deleted when it had succeeded',
    podOf({ state: ended(0) }, {}, { deletionTimestamp: 'now' }),
    'succeeded',
  ],
])('a task that %s', (_, pod, outcome) => {
  expect(endedRunsOf(pod, 'main').map((run) => run.outcome)).toEqual([outcome])
  expect(outcomeOf(pod, 'main')).toBe(outcome)
})

test('an init container that was killed for memory says nothing of the memory of the task', () => {
  const waiting = { waiting: { reason: 'PodInitializing' } }
  const pod = podOf(
    { state: waiting },
    { phase: 'Failed', initContainerStatuses: [{ name: 'init', state: ended(137, 'OOMKilled') }] },
  )
  expect(endedRunsOf(pod, 'main')).toEqual([])
  expect(outcomeOf(pod, 'main')).toBe('failed')
})

test('runs of a container that is started again are counted by their number, whatever the status shows of them', () => {
  const runs = (status: Partial<ContainerStatus>) =>
    endedRunsOf(podOf(status), 'main').map(({ restart, outcome }) => [restart, outcome])
  const failed = ended(1)
  expect(runs({ restartCount: 0, state: { running: {} } })).toEqual([])
  expect(runs({ restartCount: 0, state: failed })).toEqual([[0, 'failed']])
  expect(runs({ restartCount: 0, state: { waiting: {} }, lastState: failed })).toEqual([[0, 'failed']])
  expect(runs({ restartCount: 1, state: { running: {} }, lastState: failed })).toEqual([[0, 'failed']])
  expect(runs({ restartCount: 1, state: ended(0), lastState: ended(137, 'OOMKilled') })).toEqual([
    [0, 'out-of-memory'],
    [1, 'succeeded'],
  ])
})

test('a Pod that is removed while its task runs cuts it off; one that had ended is not counted again', () => {
  const running = { running: { startedAt: '2026-01-01T00:00:00Z' } }
  expect(cutOffRunOf(podOf({ state: running }), 'main')).toMatchObject({ restart: 0, outcome: 'cancelled' })
  expect(cutOffRunOf(podOf({ state: running }, disrupted('DeletionByPodGC')), 'main')).toMatchObject({
    outcome: 'lost',
  })
  expect(cutOffRunOf(podOf({ state: ended(0) }), 'main')).toBeUndefined()
})

test('an execution is told apart by Pod, container and run, and carries what was given and what was used', () => {
  const pod = podOf(
    { restartCount: 1, state: ended(0) },
    {},
    {
      annotations: {
        'foresize.dev/attempt': '2',
        'foresize.dev/feature.input_bytes': '2e9',
        'foresize.dev/requested': '{"cpu":"4","memory":"1Gi"}',
      },
    },
  )
  const [run] = endedRunsOf(pod, 'main')
  if (run === undefined) throw new Error('no run')
  const usage = { peakBytes: 2e8, neededBytes: 1e8, cpuSeconds: 30, throttledMs: 5, oomKills: 0 }
  const identity = { task: { namespace: 'tasks', task: 'job/sort' }, container: 'main' }
  expect(executionOfRun(pod, identity, run, usage, 0)).toMatchObject({
    executionId: 'uid/main/1',
    attempt: 3,
    features: { input_bytes: 2e9 },
    requested: { cpuCores: 4, memoryBytes: 2 ** 30 },
    allocated: { cpuCores: 0.5, memoryBytes: 200 * 2 ** 20 },
    used: { memoryBytes: 1e8, cpuCores: 0.5, durationMs: 60_000 },
    measured: { chargedMemoryBytes: 2e8, throttledMs: 5 },
    outcome: 'succeeded',
    source: 'cgroup',
  })
  const killed = { ...run, outcome: 'failed' as const }
  expect(executionOfRun(pod, identity, killed, { ...usage, oomKills: 1 }, 0)).toMatchObject({
    outcome: 'out-of-memory',
  })
  expect(executionOfRun(pod, identity, run, undefined, 0)).toMatchObject({
    source: 'external',
    outcome: 'succeeded',
  })
})

test('what the agent keeps of a Pod tells of its runs what the whole Pod does, and nothing else is kept', () => {
  const whole: Pod = {
    metadata: {
      ...{ name: 'pod', namespace: 'tasks', uid: 'uid', labels: { app: 'a' }, deletionTimestamp: 'now' },
      annotations: {
        'foresize.dev/feature.n': '7',
        'foresize.dev/label.tool': 'bwa',
        'foresize.dev/attempt': '2',
        'foresize.dev/requested': '{"memory":"1Gi"}',
        'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(10_000),
      },
    },
    spec: {
      containers: [
        { name: 'main', env: [{ name: 'A', value: 'b' }], resources: { limits: { memory: '200Mi' } } },
        { name: 'other', resources: { limits: { memory: '1Gi' } } },
      ],
    },
    status: {
      ...{ phase: 'Failed', reason: 'Evicted', ...disrupted('EvictionByEvictionAPI') },
      containerStatuses: [
        { name: 'main', restartCount: 1, state: ended(1), lastState: ended(137, 'OOMKilled') },
        { name: 'other', state: ended(0) },
      ],
    },
  }
  const identity = { task: { namespace: 'tasks', task: 'task' }, container: 'main' }
  const told = (pod: Pod) =>
    endedRunsOf(pod, 'main').map((run) => executionOfRun(pod, identity, run, undefined, 0))
  const kept = keptOf(whole, 'main')
  expect(told(whole)).toHaveLength(2)
  expect(told(kept)).toEqual(told(whole))
  const running = { ...whole, status: { containerStatuses: [{ name: 'main', state: { running: {} } }] } }
  expect(cutOffRunOf(keptOf(running, 'main'), 'main')).toEqual(cutOffRunOf(running, 'main'))
  const initFailed = {
    ...whole,
    status: { phase: 'Failed', initContainerStatuses: [{ name: 'i', state: ended(1) }] },
  }
  expect(outcomeOf(keptOf(initFailed, 'main'), 'main')).toBe(outcomeOf(initFailed, 'main'))
  expect(JSON.stringify(kept).length).toBeLessThan(1200)
})
