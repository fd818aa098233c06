import { setTimeout as sleep } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pod } from '../../../services/kubernetes/domain/pod.ts'
import { parseQuantity } from '../../../services/kubernetes/domain/quantity.ts'
import { createEstimatorClient } from '../../../services/scheduler/client.ts'
import { statusOf } from '../../../shared/rpc/client.ts'
import { Outcome } from '../../../shared/wire/gen/foresize/v1/execution.ts'
import { createWorker } from '../../../workers/typescript/worker.ts'
import { countOf, unary } from '../../support/profiler-service.ts'
import { queryOf } from '../../support/queries.ts'
import { secureClient } from '../../support/secure-services.ts'
import { type Installation, install } from './installation.ts'
import { type Node, nodePlace, startNode } from './node.ts'
import { podsOf, restart, untilEnded, within } from './workloads.ts'

let node: Node
let foresize: Installation

beforeAll(async () => {
  const place = nodePlace(process.env)
  node = await startNode(place)
  foresize = await install(node, place.folder)
})

afterAll(() => node?.stop())

const megabyte = 1e6

/** As test/kubernetes/node/programs/task.c says. */
const needOf = (inputBytes: number) => 20 * megabyte + 2 * inputBytes

async function namespace(name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
  const labels = { 'foresize.dev/mode': 'apply' }
  await node.cluster.admin.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels, annotations } as never,
  })
  const path = `/api/v1/namespaces/${name}/serviceaccounts/default`
  const ask = async () => (await node.cluster.admin.request('GET', path, { allow: 'any' })).status
  await within(60, ask, (status) => status === 200)
}

async function createJob(
  inNamespace: string,
  name: string,
  inputBytes: number,
  memory: string,
): Promise<void> {
  const feature = 'foresize.dev/feature.input_bytes'
  const input = { fieldRef: { fieldPath: `metadata.annotations['${feature}']` } }
  const container = {
    name: 'main',
    image: 'foresize.test/task:1',
    env: [{ name: 'INPUT_BYTES', valueFrom: input }],
    resources: { requests: { cpu: '20m', memory }, limits: { memory } },
  }
  const body = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      backoffLimit: 4,
      template: {
        metadata: { annotations: { [feature]: String(inputBytes) } },
        spec: { restartPolicy: 'Never', containers: [container] },
      },
    },
  }
  await node.cluster.admin.request('POST', `/apis/batch/v1/namespaces/${inNamespace}/jobs`, { body })
}

const reader = () =>
  secureClient({ target: foresize.profiler, tls: { caFile: foresize.caFile }, token: foresize.token })

/** All that is known of a task, each execution once. */
async function executionsOf(inNamespace: string, task: string) {
  const client = reader()
  try {
    const { profile } = await unary(client, 'getProfile', { key: { namespace: inNamespace, kind: 1, task } })
    return profile?.executions ?? []
  } catch (error) {
    if (statusOf(error) === status.NOT_FOUND) return []
    throw error
  } finally {
    client.close()
  }
}

const memoryOf = (pod: Pod | undefined) =>
  parseQuantity(pod?.spec?.containers[0]?.resources?.limits?.['memory'] ?? '') ?? 0
const decisionOf = (pod: Pod | undefined) => pod?.metadata?.annotations?.['foresize.dev/decision']

test('Jobs named as those of a CronJob are measured, learned by their input, and the thirteenth is given what it needs', async () => {
  const { admin } = node.cluster
  await namespace('nightly', { 'foresize.dev/resources': 'request' })
  const inputs = Array.from({ length: 12 }, (_, i) => (10 + 5 * i) * megabyte)
  // Named as the controller names those of a CronJob: by the minute.
  for (const [i, input] of inputs.entries())
    await createJob('nightly', `report-${29404800 + i}`, input, '512Mi')
  for (const i of inputs.keys()) await untilEnded(admin, 'nightly', `report-${29404800 + i}`)
  const executions = await within(
    60,
    () => executionsOf('nightly', 'job/report'),
    (all) => all.length === 12,
  )
  const peaks = executions.map(({ used }) => used?.memoryBytes ?? 0).toSorted((a, b) => a - b)
  for (const [i, input] of inputs.entries()) {
    expect(peaks[i], `the agent's measurement of ${input}`).toBeGreaterThan(needOf(input))
    expect(peaks[i]).toBeLessThan(needOf(input) * 1.1 + 2 * megabyte)
  }

  const next = 42 * megabyte
  // The estimators follow at their own pace.
  await sleep(2000)
  await createJob('nightly', 'report-29404812', next, '512Mi')
  await untilEnded(admin, 'nightly', 'report-29404812')
  const [pod, ...others] = await podsOf(admin, 'nightly', 'report-29404812')
  expect(others).toEqual([])
  expect(decisionOf(pod)).toBe('learned')
  expect(pod?.status?.phase).toBe('Succeeded')
  expect(memoryOf(pod)).toBeGreaterThan(needOf(next))
  expect(memoryOf(pod)).toBeLessThan(needOf(next) * 2)
})

test('a Pod that the kernel killed for memory is recorded so, and the Pod in its place is given more', async () => {
  const { admin } = node.cluster
  await namespace('tight', { 'foresize.dev/resources': 'request' })
  await createJob('tight', 'grow', 20 * megabyte, '32Mi')
  await untilEnded(admin, 'tight', 'grow')
  const pods = (await podsOf(admin, 'tight', 'grow')).toSorted((a, b) => memoryOf(a) - memoryOf(b))
  const first = pods[0]?.status?.containerStatuses?.[0]?.state?.terminated
  expect(first).toMatchObject({ reason: 'OOMKilled', exitCode: 137 })
  expect(pods.length).toBeGreaterThan(1)
  for (const [i, pod] of pods.slice(1).entries()) {
    expect(decisionOf(pod)).toBe('escalated')
    expect(memoryOf(pod)).toBeGreaterThan(memoryOf(pods[i]))
  }
  expect(pods.at(-1)?.status?.phase).toBe('Succeeded')
  const executions = await within(
    60,
    () => executionsOf('tight', 'job/grow'),
    (all) => all.length === pods.length,
  )
  const killed = executions.filter(({ outcome }) => outcome === Outcome.OUTCOME_OUT_OF_MEMORY)
  expect(killed.length).toBe(pods.length - 1)
})

test('profiler and estimator are restarted Pod by Pod under load: no estimate fails, no execution is lost', async () => {
  const { admin } = node.cluster
  const { profiler, estimator, caFile, token } = foresize
  const tls = { caFile }
  const worker = createWorker({ target: profiler, tls, token, batchIntervalMs: 20, reconnectMaxMs: 500 })
  const client = createEstimatorClient({
    target: estimator,
    tls,
    token,
    updateIntervalMs: 0,
    deadlineMs: 10_000,
  })
  const tasks = 10
  let isOver = false
  let [reported, asked] = [0, 0]
  const failures: string[] = []
  const reporting = (async () => {
    for (; !isOver; reported++) {
      const execution = worker.startExecution({ task: `rolled-${reported % tasks}` })
      execution.end('succeeded', { memoryBytes: 1e9, durationMs: 1000 })
      await sleep(10)
    }
  })()
  const asking = (async () => {
    for (; !isOver; asked++) {
      const task = { namespace: 'default', task: `rolled-${asked % tasks}` }
      const answer = await client.estimate(queryOf({ task }))
      if (answer.kind === 'unavailable') failures.push(answer.reason)
      await sleep(10)
    }
  })()
  const loaded = async () => {
    const before = { reported, asked }
    const isUnder = async () => reported > before.reported + 100 && asked > before.asked + 100
    await within(60, isUnder, Boolean)
  }
  await loaded()
  await restart(admin, 'foresize-estimator', 3)
  await restart(admin, 'foresize-profiler', 2)
  await loaded()
  isOver = true
  await Promise.all([reporting, asking])

  expect(failures).toEqual([])
  expect(client.statistics()).toMatchObject({ unavailable: 0, outdated: 0 })
  expect(await worker.close(60_000)).toBe(true)
  const read = reader()
  let counted = 0
  for (let i = 0; i < tasks; i++) counted += await countOf(read, `rolled-${i}`)
  expect(counted).toBe(reported)
  process.stdout.write(
    `restarted under load: ${asked} estimates, ${failures.length} failed; ${counted} of ${reported} executions stored\n`,
  )
  read.close()
  client.close()
})
