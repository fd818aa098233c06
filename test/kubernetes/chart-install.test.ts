import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtChart, type Chart, type Values } from '../support/chart.ts'
import type { Manifest } from '../support/manifests.ts'
import { podWarnings } from './applied.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { defineCustomResources } from './custom-resources.ts'
import { kubeconfigOf } from './kubeconfig.ts'

/** The chart as Helm installs it on a real API server, in namespaces that are made as the page says. */

let chart: Chart
let cluster: Cluster
let connection: readonly string[]

beforeAll(async () => {
  cluster = await startCluster()
  await defineCustomResources(cluster)
  chart = await builtChart()
  connection = ['--namespace', 'foresize', '--kubeconfig', await kubeconfigOf(cluster, 'foresize')]
  for (const [name, level] of [
    ['foresize', 'restricted'],
    ['foresize-agent', 'privileged'],
  ] as const) {
    const labels = {
      'pod-security.kubernetes.io/enforce': level,
      'pod-security.kubernetes.io/warn': level,
    }
    await cluster.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
  }
})

afterAll(async () => {
  await chart?.remove()
  await cluster?.stop()
})

const all: Values = {
  store: 'redis',
  'monitoring.enabled': true,
  'gateway.enabled': true,
  'admission.enabled': true,
  'agent.enabled': true,
}

/** Whether the API server has an object of the chart. */
async function isThere({ apiVersion, kind, metadata }: Manifest): Promise<boolean> {
  const { namespace } = metadata as { readonly namespace?: string }
  const path = await cluster.admin.pathOf(apiVersion, kind, namespace)
  const { status } = await cluster.admin.request('GET', `${path}/${metadata.name}`, { allow: 'any' })
  return status === 200
}

async function expectThere(values: Values, expected: boolean): Promise<readonly Manifest[]> {
  const manifests = await chart.render(values)
  for (const manifest of manifests) {
    expect(await isThere(manifest), `${manifest.kind}/${manifest.metadata.name}`).toBe(expected)
  }
  return manifests
}

describe('on a real API server', () => {
  test('every form is taken with no field unknown and no warning, and its Pods are as restricted as is enforced', async () => {
    for (const values of [{}, all, { ...all, 'tls.certManager': false }]) {
      const manifests = await chart.render(values)
      for (const manifest of manifests) {
        const { warnings } = await cluster.admin.apply(manifest, { dryRun: 'All' })
        expect(warnings, `${manifest.kind}/${manifest.metadata.name}`).toEqual([])
      }
    }
  })

  test('helm installs it, upgrades it from one store to the other with all that is optional, and removes it', async () => {
    await chart.helm(['install', 'foresize', chart.folder, ...connection])
    await expectThere({}, true)
    await chart.helm(['upgrade', 'foresize', chart.folder, ...connection], all)
    expect(await podWarnings(cluster.admin, await expectThere(all, true))).toEqual([])
    const notes = await chart.helm(['get', 'notes', 'foresize', ...connection])
    for (const secret of [
      'foresize-tokens',
      'foresize-redis',
      'foresize-admission-token',
      'foresize-agent-token',
    ])
      expect(notes).toContain(secret)
    await chart.helm(['uninstall', 'foresize', ...connection])
    await expectThere(all, false)
  })
})
