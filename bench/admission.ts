import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { call } from '../shared/rpc/client.ts'
import { fromExecutionRecord } from '../shared/wire/execution.ts'
import { startPair } from '../test/e2e/support.ts'
import { type AdmissionProcess, admissionFixture } from '../test/kubernetes/admission-fixture.ts'
import { startCluster } from '../test/kubernetes/cluster.ts'
import { certificateAuthority } from '../test/support/certificates.ts'
import { recordOf } from '../test/support/executions.ts'
import { cpuSecondsOf } from './server-process.ts'

/**
 * The admission webhook at a steady rate, beside a bare HTTPS server in the same run: `make bench-admission`. The API server,
 * the estimator and the webhook are real and processes of their own. Reviews are of Pods of 500 Jobs in turn, whose features
 * differ from all before, so that every one asks the estimator.
 */

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
  },
})
const [rate, seconds, rounds] = [Number(values.rate), Number(values.seconds), Number(values.rounds)]
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Target {
  readonly name: string
  readonly url: string
  readonly agent: Agent
  readonly pid: number
}

interface Load {
  readonly latenciesMs: readonly number[]
  /** Answers with a patch. */
  readonly patched: number
  readonly failed: number
  /** Of the server. */
  readonly cpuMs: number
}

let asked = 0
const jobs = 500

function review(): string {
  const annotations = {
    'foresize.dev/task': 'sort',
    'foresize.dev/feature.input_bytes': String(1e8 + asked++ * 1e3),
  }
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: `sort-${asked % jobs}`,
    uid: 'none',
    controller: true,
  }
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: '', version: 'v1', kind: 'Pod' },
      namespace: 'tasks',
      operation: 'CREATE',
      object: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'sort-1', annotations, ownerReferences: [owner] },
        spec: {
          containers: [{ name: 'main', image: 'x', env: [{ name: 'FILLS', value: 'x'.repeat(2000) }] }],
        },
      },
    },
  })
}

function ask({ url, agent }: Target): Promise<string> {
  const body = review()
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks).toString()))
        response.on('error', reject)
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

/** Open loop: a review starts when its time has come, whether those before were answered or not; late starts count as waiting. */
async function load(target: Target, durationMs: number): Promise<Load> {
  const latenciesMs: number[] = []
  const calls: Promise<void>[] = []
  let [patched, failed] = [0, 0]
  const [startMs, startCpuMs] = [performance.now(), 1000 * cpuSecondsOf(target.pid)]
  for (let i = 0; i < (rate * durationMs) / 1000; i++) {
    const dueMs = startMs + (i * 1000) / rate
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    calls.push(
      ask(target).then(
        (answer) => {
          latenciesMs.push(performance.now() - Math.max(dueMs, startMs))
          if (answer.includes('"patch"')) patched++
        },
        () => {
          failed++
        },
      ),
    )
  }
  await Promise.all(calls)
  return { latenciesMs, patched, failed, cpuMs: 1000 * cpuSecondsOf(target.pid) - startCpuMs }
}

function percentile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

const folder = await mkdtemp(join(tmpdir(), 'foresize-bench-'))
const [cluster, pair] = await Promise.all([startCluster(), startPair()])
const { certFile, keyFile, caFile } = await (async () => {
  const authority = await certificateAuthority(folder, 'ca')
  return { ...(await authority.issue('echo')), caFile: authority.caFile }
})()
const echo = fork(join(import.meta.dirname, 'https-echo.ts'), [certFile, keyFile])
const fixture = await admissionFixture(cluster, pair.estimatorAddress)
let admission: AdmissionProcess | undefined
try {
  const [echoPort] = await once(echo, 'message')
  admission = await fixture.start()
  const labels = { 'foresize.dev/mode': 'apply' }
  await cluster.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'tasks', labels } })
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x' }] } }
  for (let i = 0; i < jobs; i++) {
    const body = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: `sort-${i}` }, spec: { template } }
    await cluster.admin.request('POST', '/apis/batch/v1/namespaces/tasks/jobs', { body })
  }
  const task = { namespace: 'tasks', task: 'sort' }
  const executions = Array.from({ length: 50 }, (_, i) => {
    const features = { input_bytes: 1e8 + i * 1e7 }
    return recordOf(
      `run-${i}`,
      { memoryBytes: 2 * features.input_bytes, cpuCores: 1, durationMs: 60_000 },
      { task, features },
    )
  })
  const reported = { executions: executions.map(fromExecutionRecord) }
  await call(pair.profilerClient.updateProfile.bind(pair.profilerClient), reported, 10_000)
  const secret = await cluster.admin.request(
    'GET',
    '/api/v1/namespaces/foresize/secrets/foresize-admission-self-signed',
  )
  const ca = Buffer.from(secret.body.data['ca.crt'], 'base64')
  const keepAlive = { keepAlive: true, maxSockets: 32 }
  const targets: readonly Target[] = [
    {
      name: 'webhook',
      url: `https://localhost:${fixture.port}/mutate`,
      pid: admission.pid,
      agent: new Agent({ ...keepAlive, ca }),
    },
    {
      name: 'bare HTTPS echo',
      url: `https://localhost:${echoPort}/`,
      pid: echo.pid ?? 0,
      agent: new Agent({ ...keepAlive, ca: await readFile(caFile) }),
    },
  ]
  for (const target of targets) await load(target, 3000)
  const all = new Map(targets.map(({ name }) => [name, [] as Load[]]))
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) all.get(target.name)?.push(await load(target, seconds * 1000))
  }
  say(`${rate} reviews a second, ${rounds} rounds of ${seconds} s each, in turn; milliseconds`)
  for (const [name, loads] of all) {
    const latencies = loads.flatMap(({ latenciesMs }) => latenciesMs)
    const of = (share: number) => percentile(latencies, share).toFixed(1).padStart(7)
    const perRound = loads.map(({ latenciesMs }) => percentile(latenciesMs, 0.99).toFixed(1)).join(', ')
    const sum = (pick: (load: Load) => number) => loads.reduce((total, each) => total + pick(each), 0)
    say(
      `${name.padEnd(16)} p50${of(0.5)}  p90${of(0.9)}  p99${of(0.99)}  (by round: ${perRound})  ` +
        `${(sum(({ cpuMs }) => cpuMs) / latencies.length).toFixed(2)} ms of CPU each, ${latencies.length} answered, ${sum(({ patched }) => patched)} with a patch, ${sum(({ failed }) => failed)} failed`,
    )
  }
} finally {
  await admission?.stop()
  echo.disconnect()
  await fixture.close()
  await pair.stop()
  await cluster.stop()
  await rm(folder, { recursive: true })
}
process.exit(0)
