import { afterAll, beforeAll, expect, test } from 'vitest'
import { Outcome } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { cgroupTree } from '../support/cgroup-tree.ts'
import { eventually, type TestProfiler, testProfiler, unary } from '../support/profiler-service.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type AgentProcess, agentAccount, startAgentProcess } from './agent-fixture.ts'
import { type Cluster, startCluster } from './cluster.ts'

let cluster: Cluster
let profiler: TestProfiler
let root: string
let tree: ReturnType<typeof cgroupTree>
let tokenFile: string
let agent: AgentProcess
let agentFlags: Readonly<Record<string, string>>

beforeAll(async () => {
  cluster = await startCluster()
  profiler = await testProfiler({ store: 'memory' })
  root = await temporaryDirectory()
  tree = cgroupTree(root, 2, 'systemd')
  tokenFile = (await agentAccount(cluster)).tokenFile
  for (const [name, labels] of [
    ['tasks', { 'foresize.dev/mode': 'shadow' }],
    ['others', {}],
    ['declined', { 'foresize.dev/mode': 'off' }],
  ] as const) {
    await cluster.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } as never })
    const account = { name: 'default', namespace: name }
    await cluster.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account as never })
  }
  agentFlags = { 'node-name': 'here', 'cgroup-root': root, profiler: profiler.address }
  agent = await startAgentProcess(cluster, tokenFile, agentFlags)
})

afterAll(async () => {
  await agent?.stop()
  await profiler?.stop()
  await cluster?.stop()
})

const podsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`

async function createPod(
  task: string,
  namespace = 'tasks',
  nodeName = 'here',
): Promise<{ name: string; uid: string }> {
  const { body } = await cluster.admin.request('POST', podsOf(namespace), {
    body: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        generateName: 'task-',
        annotations: { 'foresize.dev/task': task, 'foresize.dev/feature.n': '7' },
      },
      spec: {
        nodeName,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'x', resources: { limits: { memory: '200Mi', cpu: '1' } } }],
      },
    },
  })
  return { name: body.metadata.name, uid: body.metadata.uid }
}

const idOf = (digit: string) => digit.repeat(64)
const secondsAgo = (seconds: number) => `${new Date(Date.now() - seconds * 1000).toISOString().slice(0, 19)}Z`

async function writeStatus(name: string, status: object, namespace = 'tasks'): Promise<void> {
  await cluster.admin.request('PATCH', `${podsOf(namespace)}/${name}/status`, {
    type: 'application/merge-patch+json',
    body: { status },
  })
}

const containerStatus = (digit: string, state: object, restartCount = 0, lastState: object = {}) => ({
  containerStatuses: [
    {
      name: 'main',
      image: 'x',
      imageID: '',
      ready: false,
      restartCount,
      containerID: `containerd://${idOf(digit)}`,
      state,
      lastState,
    },
  ],
})

const ended = (
  digit: string,
  exitCode: number,
  reason = exitCode === 0 ? 'Completed' : 'Error',
  seconds = 10,
) => ({
  terminated: {
    exitCode,
    reason,
    startedAt: secondsAgo(seconds),
    finishedAt: secondsAgo(0),
    containerID: `containerd://${idOf(digit)}`,
  },
})

async function profileOf(task: string, namespace = 'tasks') {
  const answer = await unary(profiler.client, 'getProfile', { key: { namespace, kind: 1, task } }).catch(
    () => undefined,
  )
  return answer?.profile
}

const executionsOf = async (task: string, namespace = 'tasks') =>
  (await profileOf(task, namespace))?.executions ?? []

/** Those too that say nothing of the need, which no profile lists one by one. */
const outcomesOf = async (task: string) => (await profileOf(task))?.outcomes ?? []

const counted = (task: string, count: number) =>
  eventually(async () => (await outcomesOf(task)).reduce((sum, each) => sum + each.count, 0) >= count)

test('a Job of one second is counted with what its cgroup said while it was there', async () => {
  const { name, uid } = await createPod('short')
  tree.write(uid, idOf('a'), {
    peakBytes: 64e6,
    chargedBytes: 60e6,
    inactiveCacheBytes: 4e6,
    cpuSeconds: 0.4,
  })
  const read = async () =>
    (await (await fetch(agent.metricsUrl)).text()).match(/^foresize_agent_containers (\d+)/m)?.[1]
  await eventually(async () => (await read()) !== '0')
  tree.remove(uid, idOf('a'))
  await writeStatus(name, { phase: 'Succeeded', ...containerStatus('a', ended('a', 0, 'Completed', 1)) })
  await counted('short', 1)
  const [execution] = await executionsOf('short')
  expect(execution).toMatchObject({
    executionId: `${uid}/main/0`,
    outcome: Outcome.OUTCOME_SUCCEEDED,
    features: { n: 7 },
    allocated: { memoryBytes: 200 * 2 ** 20, cpuCores: 1 },
  })
  expect(execution?.used?.memoryBytes).toBe(60e6)
  expect(execution?.used?.cpuCores).toBeGreaterThan(0)
})

test.each([
  ['oom', containerStatus('b', ended('b', 137, 'OOMKilled')), Outcome.OUTCOME_OUT_OF_MEMORY],
  ['evicted', { reason: 'Evicted', ...containerStatus('b', ended('b', 137)) }, Outcome.OUTCOME_EVICTED],
  [
    'deadline',
    { reason: 'DeadlineExceeded', ...containerStatus('b', ended('b', 137)) },
    Outcome.OUTCOME_TIMED_OUT,
  ],
  ['failed', containerStatus('b', ended('b', 3)), Outcome.OUTCOME_FAILED],
] as const)('what the status says becomes the outcome: %s', async (task, status, outcome) => {
  const { name } = await createPod(task)
  await writeStatus(name, { phase: 'Failed', ...status })
  await counted(task, 1)
  expect(await outcomesOf(task)).toEqual([{ outcome, count: 1 }])
})

test('a Pod that is deleted while its task runs was cancelled', async () => {
  const { name } = await createPod('deleted')
  await writeStatus(name, {
    phase: 'Running',
    ...containerStatus('c', { running: { startedAt: secondsAgo(5) } }),
  })
  await cluster.admin.request('DELETE', `${podsOf('tasks')}/${name}`, { query: { gracePeriodSeconds: '0' } })
  await counted('deleted', 1)
  expect(await outcomesOf('deleted')).toEqual([{ outcome: Outcome.OUTCOME_CANCELLED, count: 1 }])
})

test('an agent that is started again counts nothing twice, and goes on with what runs', async () => {
  const { name, uid } = await createPod('restarted')
  await writeStatus(name, {
    phase: 'Running',
    ...containerStatus('e', { running: { startedAt: secondsAgo(5) } }, 1, ended('d', 137, 'OOMKilled')),
  })
  await counted('restarted', 1)
  tree.write(uid, idOf('e'), { peakBytes: 90e6, chargedBytes: 80e6, cpuSeconds: 2 })
  await agent.stop()
  agent = await startAgentProcess(cluster, tokenFile, agentFlags)
  await writeStatus(name, {
    phase: 'Succeeded',
    ...containerStatus('e', ended('e', 0), 1, ended('d', 137, 'OOMKilled')),
  })
  await counted('restarted', 2)
  const executions = await executionsOf('restarted')
  expect(executions.map(({ executionId, attempt, outcome }) => [executionId, attempt, outcome])).toEqual([
    [`${uid}/main/0`, 1, Outcome.OUTCOME_OUT_OF_MEMORY],
    [`${uid}/main/1`, 2, Outcome.OUTCOME_SUCCEEDED],
  ])
  expect(executions[1]?.used?.memoryBytes).toBe(90e6)
})

test('namespaces that have not opted in, and other nodes, are left alone', async () => {
  for (const [namespace, node] of [
    ['others', 'here'],
    ['declined', 'here'],
    ['tasks', 'elsewhere'],
  ] as const) {
    const { name } = await createPod('alone', namespace, node)
    await writeStatus(name, { phase: 'Succeeded', ...containerStatus('f', ended('f', 0)) }, namespace)
  }
  const { name } = await createPod('after')
  await writeStatus(name, { phase: 'Succeeded', ...containerStatus('f', ended('f', 0)) })
  await counted('after', 1)
  for (const namespace of ['others', 'declined', 'tasks'])
    expect(await executionsOf('alone', namespace)).toEqual([])
})

test('its rights suffice for that, and for no more', async () => {
  const account = await cluster.as('foresize-agent', 'foresize-agent')
  for (const [method, path] of [
    ['GET', '/api/v1/secrets'],
    ['GET', '/api/v1/configmaps'],
    ['POST', `${podsOf('tasks')}/x/exec`],
    ['DELETE', `${podsOf('tasks')}/x`],
    ['POST', podsOf('tasks')],
  ] as const) {
    expect((await account.request(method, path, { allow: 'any' })).status, `${method} ${path}`).toBe(403)
  }
})
