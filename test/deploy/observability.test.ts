import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { freePort } from '../../cli/pair.ts'
import { admissionConfig } from '../../services/kubernetes/admission/config.ts'
import { startAdmission } from '../../services/kubernetes/admission/service.ts'
import { agentConfig } from '../../services/kubernetes/agent/config.ts'
import { startAgent } from '../../services/kubernetes/agent/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { gatewayFixture } from '../support/gateway-fixture.ts'
import { deployFolder, projectRoot, readManifests } from '../support/manifests.ts'
import { servicePair } from '../support/service-pair.ts'

const run = promisify(execFile)
const promtool = join(projectRoot, '.foresize', 'bin', 'promtool')

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly annotations?: Readonly<Record<string, string>>
}

const ruleFiles = ['observability/prometheus-rule.yaml', 'kubernetes/agent/monitoring.yaml']

let folder: string
let rules: readonly Rule[]
let exported: ReadonlySet<string>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-rules-'))
  const groups = (await Promise.all(ruleFiles.map(readManifests)))
    .flat()
    .flatMap(({ kind, spec }) => (kind === 'PrometheusRule' ? spec.groups : []))
  rules = groups.flatMap((group: { readonly rules: readonly Rule[] }) => group.rules)
  await writeFile(join(folder, 'rules.yaml'), stringify({ groups }))
  await copyFile(join(deployFolder, 'observability/rules.test.yaml'), join(folder, 'rules.test.yaml'))
  exported = await exportedNames()
}, 60_000)

afterAll(() => rm(folder, { recursive: true }))

/** The names that the running services export, as their type lines say. */
async function exportedNames(): Promise<ReadonlySet<string>> {
  const [profilerPort, estimatorPort] = [await freePort(), await freePort()]
  const pair = await servicePair({
    profiler: ['--metrics-listen', `127.0.0.1:${profilerPort}`],
    estimator: ['--metrics-listen', `127.0.0.1:${estimatorPort}`],
  })
  const gateway = await gatewayFixture({
    profiler: pair.profiler.address,
    estimator: pair.estimator.address,
  })
  const admission = await startedAdmission()
  const agent = await startedAgent()
  try {
    const addresses = [
      `127.0.0.1:${profilerPort}`,
      `127.0.0.1:${estimatorPort}`,
      gateway.metricsAddress,
      admission.metricsAddress,
      agent.metricsAddress,
    ]
    const pages = await Promise.all(
      addresses.map(async (address) => (await fetch(`http://${address}/metrics`)).text()),
    )
    return new Set([...pages.join('').matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name))
  } finally {
    await agent.stop()
    await admission.stop()
    await gateway.stop()
    await pair.stop()
  }
}

/** The webhook, with nobody at the address of its API server: it exports the same. */
async function startedAdmission() {
  const [log, authority] = [createLog('test', 'silent'), await certificateAuthority(folder, 'ca')]
  const { certFile: tlsCertFile, keyFile: tlsKeyFile } = await authority.issue('admission')
  const lifecycle = createLifecycle(log)
  const { metricsAddress } = await startAdmission(
    admissionConfig.parse({
      listen: '127.0.0.1:0',
      metricsListen: '127.0.0.1:0',
      tlsCertFile,
      tlsKeyFile,
      apiServer: `https://127.0.0.1:${await freePort()}`,
      apiCaFile: authority.caFile,
      apiTokenFile: authority.caFile,
    }),
    { clock: systemClock, log, lifecycle },
  )
  return { metricsAddress, stop: () => lifecycle.stop('the test is over') }
}

/** The node agent, of a cluster in which there is nothing. */
async function startedAgent() {
  const [log, authority] = [createLog('test', 'silent'), await certificateAuthority(folder, 'empty-cluster')]
  const { certFile, keyFile } = await authority.issue('kube-apiserver')
  const server = createServer(
    { cert: await readFile(certFile), key: await readFile(keyFile) },
    (_, response) => response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [] })),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, 'token')
  const lifecycle = createLifecycle(log)
  const metricsAddress = `127.0.0.1:${await freePort()}`
  const config = agentConfig.parse({
    nodeName: 'node-1',
    cgroupRoot: folder,
    metricsListen: metricsAddress,
    apiServer: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    apiCaFile: authority.caFile,
    apiTokenFile: tokenFile,
  })
  await startAgent(config, { clock: systemClock, log, lifecycle })
  return {
    metricsAddress,
    async stop() {
      await lifecycle.stop('the test is over')
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A query's metrics: a name matched by a pattern stands for each of its alternatives. */
function metricsIn(query: string): readonly string[] {
  const patterns = [...query.matchAll(/__name__=~"(\w*)\(([\w|]+)\)(\w*)"/g)].flatMap(
    ([, head, middle = '', tail]) => middle.split('|').map((each) => `${head}${each}${tail}`),
  )
  const names = query.replaceAll(/"[^"]*"/g, '').match(/\b(foresize|process|nodejs)_\w+/g) ?? []
  return [...patterns, ...names].map((name) => name.replace(/_(bucket|sum|count)$/, ''))
}

test('promtool finds the rules well formed', async () => {
  await run(promtool, ['check', 'rules', join(folder, 'rules.yaml')])
})

test('every alert fires when it should, says what it should, and is silent when all is well', async () => {
  const { stdout } = await run(promtool, ['test', 'rules', join(folder, 'rules.test.yaml')]).catch(
    (error: { readonly stdout: string; readonly stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`)
    },
  )
  expect(stdout).toContain('SUCCESS')
  const tests = await readFile(join(folder, 'rules.test.yaml'), 'utf8')
  for (const { alert } of rules) {
    if (alert === undefined) continue
    expect(tests).toContain(`name: ${alert}\n`)
    expect(tests).toContain(`{ eval_time: 390m, alertname: ${alert} }`)
  }
})

test('every metric in a rule or on the dashboard is exported by a running service', async () => {
  const dashboard = JSON.parse(await readFile(join(deployFolder, 'observability/dashboard.json'), 'utf8'))
  const queries: readonly string[] = dashboard.panels.flatMap(
    (panel: { readonly targets?: { readonly expr: string }[] }) =>
      (panel.targets ?? []).map(({ expr }) => expr),
  )
  const names = [...rules.map(({ expr }) => expr), ...queries].flatMap(metricsIn)
  expect(names.length).toBeGreaterThan(50)
  for (const name of names) expect(exported).toContain(name)
  const recorded = rules.flatMap(({ record = [] }) => record)
  const used = queries.flatMap((query) => query.match(/\bforesize:[\w:]+/g) ?? [])
  for (const name of used) expect(recorded).toContain(name)
})

test('every metric of ours is in the page about them', async () => {
  const page = await readFile(join(projectRoot, 'docs/observability.md'), 'utf8')
  for (const name of exported) if (name.startsWith('foresize_')) expect(page).toContain(`\`${name}\``)
})

test('every alert has a paragraph that says what to do', async () => {
  const page = await readFile(join(projectRoot, 'docs/observability.md'), 'utf8')
  for (const { alert, annotations } of rules) {
    if (alert === undefined) continue
    expect(annotations?.['runbook_url']).toBe(`docs/observability.md#${alert.toLowerCase()}`)
    expect(page).toContain(`\n### ${alert}\n`)
  }
})
