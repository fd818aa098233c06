import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../cli/doctor/findings.ts'
import type { TaskWaste } from '../../cli/kubernetes/task-waste.ts'
import { recordOf } from '../support/executions.ts'
import { projectRoot, renderOverlay } from '../support/manifests.ts'
import { pairFixture } from '../support/pair-fixture.ts'
import { type AdmissionFixture, type AdmissionProcess, admissionFixture } from './admission-fixture.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { kubeconfigOf } from './kubeconfig.ts'

/** `kubectl foresize`, by a real kubectl, against a real API server, webhook, profiler and estimator; and the doctor. */

const run = promisify(execFile)
const gigabyte = 1e9

let cluster: Cluster
let pair: Awaited<ReturnType<typeof pairFixture>>
let fixture: AdmissionFixture
let admission: AdmissionProcess
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  cluster = await startCluster()
  pair = await pairFixture()
  fixture = await admissionFixture(cluster, pair.estimator.address)
  admission = await fixture.start()
  const home = join(dirname(cluster.tokenFile), 'home')
  await mkdir(home)
  env = {
    PATH: `${join(projectRoot, 'cli')}:${process.env['PATH']}`,
    HOME: home,
    KUBECONFIG: await kubeconfigOf(cluster, 'tasks'),
    FORESIZE_PROFILER: pair.profilerAddress,
    FORESIZE_ESTIMATOR: pair.estimator.address,
  }
  await namespace('tasks', 'apply')
  await learn('job/sort', { used: 0.1, given: 1 })
  await learn('job/merge', { used: 0.1, given: 8 })
})

afterAll(async () => {
  await admission?.stop()
  await fixture?.close()
  await pair?.close()
  await cluster?.stop()
})

async function namespace(name: string, mode: string): Promise<void> {
  const labels = { 'foresize.dev/mode': mode }
  await cluster.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
  const account = { name: 'default', namespace: name } as { readonly name: string }
  await cluster.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account })
}

async function learn(
  task: string,
  gigabytes: { readonly used: number; readonly given: number },
): Promise<void> {
  const key = { namespace: 'tasks', task }
  const used = { memoryBytes: gigabytes.used * gigabyte, cpuCores: 0.5, durationMs: 3_600_000 }
  const given = { memoryBytes: gigabytes.given * gigabyte }
  const records = Array.from({ length: 12 }, (_, i) =>
    recordOf(`${task}-${i}`, used, { task: key, requested: given, allocated: given }),
  )
  await pair.report(...records)
  await pair.estimator.estimateUntil(({ executions }) => executions >= 12, { task: key })
}

async function createPod(
  name: string,
  job: string,
  memory?: string,
  annotations: object = {},
): Promise<void> {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: job, uid: 'none', controller: true }
  const resources = memory === undefined ? {} : { requests: { memory } }
  await cluster.admin.request('POST', '/api/v1/namespaces/tasks/pods', {
    body: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ownerReferences: [owner], annotations },
      spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x', resources }] },
    },
  })
}

/** A command with its code and all that it says. */
async function said(command: string, ...args: readonly string[]) {
  try {
    return { code: 0, ...(await run(command, args, { env })) }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, stdout, stderr }
  }
}

describe('kubectl foresize', () => {
  test('top shows the tasks of the namespace of the context, those that waste most first', async () => {
    await createPod('sort-1', 'sort')
    const { code, stdout } = await said('kubectl', 'foresize', 'top')
    expect(code).toBe(0)
    const [titles, ...rows] = stdout.trimEnd().split('\n')
    expect(titles).toMatch(/^task +pods +runs +killed +requested +given +used +wasted a day +decision$/)
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(['job/merge', 'job/sort'])
    expect(rows[1]).toMatch(/^job\/sort +1 +12 +0 .* learned$/)
  })

  test('its figures are those of the profiler: what is held beyond the need, over the run time', async () => {
    const { stdout } = await said('kubectl', 'foresize', 'top', '--json')
    const [merge] = JSON.parse(stdout) as readonly TaskWaste[]
    // 12 runs of an hour, each 7.9 GB too much, in less than a day.
    expect((merge?.wastePerDay ?? 0) / (12 * 3_600_000 * 7.9 * gigabyte)).toBeCloseTo(1, 1)
    expect(merge).toMatchObject({ task: 'job/merge', runs: 12, killed: 0, pods: 0 })
  })

  test('top of all namespaces that have opted in says which each is of, and --limit how many', async () => {
    const { stdout, stderr } = await said('kubectl', 'foresize', 'top', '-A', '--limit', '1')
    expect(stdout).toMatch(/^namespace +task/)
    expect(stdout).toMatch(/^tasks +job\/merge/m)
    expect(stderr).toMatch(/^The first 1 of \d+; more with --limit\.$/m)
  })

  test('explain says what a Pod asked for, what it was given, by which decision, and what would be given now', async () => {
    await createPod('sort-2', 'sort', undefined, { 'foresize.dev/feature.input_bytes': '2e9' })
    const { code, stdout } = await said('kubectl', 'foresize', 'explain', 'pod/sort-2')
    expect(code).toBe(0)
    expect(stdout).toContain('pod/sort-2: task job/sort, container main, mode apply')
    expect(stdout).toContain('input_bytes=2000000000')
    expect(stdout).toMatch(/^decision: learned, /m)
    expect(stdout).toMatch(/^now: \d+ % sure to suffice, from profile \(12 executions\)/m)
    expect(stdout).toMatch(/^memory +– +[\d.]+ MiB +[\d.]+ MiB +[\d.]+ MiB +[\d.]+ MiB +\d+ %/m)
  })

  test('explain says why a Pod keeps what it asks for', async () => {
    await createPod('sort-3', 'sort', '1Gi')
    const { stdout } = await said('kubectl', 'foresize', 'explain', 'sort-3')
    expect(stdout).toMatch(/^decision: explicit, /m)
    expect(stdout).toContain('foresize.dev/resources=request')
    expect(stdout).toMatch(/^memory +1(\.00)? GiB +1(\.00)? GiB/m)
  })

  test('it changes nothing: neither a Pod nor a profile', async () => {
    const pods = async () =>
      (await cluster.admin.request('GET', '/api/v1/namespaces/tasks/pods')).body.metadata
    const before = [
      await pods(),
      (await said('foresize', 'profiles', 'list', '--namespace', 'tasks', '--json')).stdout,
    ]
    await said('kubectl', 'foresize', 'top')
    await said('kubectl', 'foresize', 'explain', 'pod/sort-2')
    const after = [
      await pods(),
      (await said('foresize', 'profiles', 'list', '--namespace', 'tasks', '--json')).stdout,
    ]
    expect(after[1]).toBe(before[1])
    const versions = (await cluster.admin.request('GET', '/api/v1/namespaces/tasks/pods')).body.items
    expect(versions).toHaveLength(3)
  })

  test.each([
    [['explain', 'pod/none'], /pods "none" not found/, 1],
    [['explain'], /explain needs a Pod: explain pod\/NAME/, 2],
    [['top', '-A', '-n', 'tasks'], /one of the two/, 2],
    [['show'], /there is no "show" to show/, 2],
    [['top', '--context', 'none'], /context .*none/, 1],
  ])('a mistake is named: %j', async (args, message, expected) => {
    const { code, stderr } = await said('kubectl', 'foresize', ...args)
    expect(stderr).toMatch(message)
    expect(code).toBe(expected)
  })

  test('without kubectl it says so', async () => {
    const main = join(projectRoot, 'cli/main.ts')
    const alone = { ...env, PATH: dirname(process.execPath) }
    await expect(run(process.execPath, [main, 'kubectl', 'top'], { env: alone })).rejects.toMatchObject({
      stderr: expect.stringContaining('kubectl: command not found'),
    })
  })
})

describe('foresize doctor --kubernetes', () => {
  const examined = async (): Promise<readonly Finding[]> =>
    JSON.parse((await said('foresize', 'doctor', '--kubernetes', '--json')).stdout)
  const of = (findings: readonly Finding[], service: string, check: string) =>
    findings.find((each) => each.service === service && each.check === check)

  test('finds the webhook trusted, answering a dry run, and the namespaces that opted in', async () => {
    const findings = await examined()
    expect(of(findings, 'admission', 'configuration')).toMatchObject({ verdict: 'ok' })
    expect(of(findings, 'admission', 'tls')).toMatchObject({
      verdict: 'ok',
      found: expect.stringMatching(/\d+ days/),
    })
    expect(of(findings, 'admission', 'namespaces')).toMatchObject({ verdict: 'ok', found: '1 in mode apply' })
    expect(of(findings, 'admission', 'reachable')).toMatchObject({ verdict: 'ok' })
    expect(of(findings, 'agent', 'configuration')).toMatchObject({ verdict: 'warn' })
  })

  test('finds an agent that may not read what it must, and one that may', async () => {
    const manifests = await renderOverlay('kubernetes/agent')
    const byKind = (...kinds: readonly string[]) => manifests.filter(({ kind }) => kinds.includes(kind))
    for (const manifest of byKind('Namespace', 'ServiceAccount', 'DaemonSet'))
      await cluster.admin.apply(manifest)
    expect(of(await examined(), 'agent', 'access')).toMatchObject({
      verdict: 'fail',
      found: 'may not list pods, watch pods, list namespaces, watch namespaces',
    })
    for (const manifest of byKind('ClusterRole', 'ClusterRoleBinding')) await cluster.admin.apply(manifest)
    expect(of(await examined(), 'agent', 'access')).toMatchObject({ verdict: 'ok' })
    // Nothing runs it here.
    expect(of(await examined(), 'agent', 'pods')).toMatchObject({
      verdict: 'fail',
      found: 'ready on 0 of 0 nodes',
    })
  })

  test('finds what the namespaces say in words that there are not', async () => {
    await namespace('spelt', 'aply')
    expect(of(await examined(), 'admission', 'namespaces')).toMatchObject({
      verdict: 'warn',
      found: expect.stringContaining('spelt: foresize.dev/mode must be one of'),
    })
    await cluster.admin.request('DELETE', '/api/v1/namespaces/spelt')
  })

  test('finds a webhook whose CA the API server has lost, and one that is away', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/foresize-admission'
    await admission.stop()
    expect(of(await examined(), 'admission', 'reachable')).toMatchObject({ verdict: 'fail' })
    const { webhooks } = (await cluster.admin.request('GET', path)).body
    await cluster.admin.request('PATCH', path, {
      type: 'application/json-patch+json',
      body: webhooks.map((_: object, i: number) => ({
        op: 'remove',
        path: `/webhooks/${i}/clientConfig/caBundle`,
      })),
    })
    const { code, stdout } = await said('foresize', 'doctor', '--kubernetes')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^fail +admission +tls +pods\.foresize\.dev, jobs\.foresize\.dev: no CA/m)
    expect(stdout).toContain('cainjector')
    await cluster.admin.request('DELETE', path)
    expect(of(await examined(), 'admission', 'configuration')).toMatchObject({ verdict: 'warn' })
  })
})
