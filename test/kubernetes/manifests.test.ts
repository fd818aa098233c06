import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Manifest, readManifests, renderOverlay, renderWith } from '../support/manifests.ts'
import { applied } from './applied.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { defineCustomResources } from './custom-resources.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
  await defineCustomResources(cluster)
})

afterAll(() => cluster?.stop())

const variants: readonly (readonly [string, () => Promise<readonly Manifest[]>])[] = [
  ['single-node', () => renderOverlay('kubernetes/overlays/single-node')],
  ['production', () => renderOverlay('kubernetes/overlays/production')],
  ['production with the gateway', () => renderWith('production', 'gateway')],
  ['single-node with the admission webhook', () => renderWith('single-node', 'admission')],
  [
    'production with the admission webhook, self-signed',
    () => renderWith('production', 'admission', 'admission-self-signed'),
  ],
  ['the node agent', () => renderOverlay('kubernetes/agent')],
]

describe('a real API server takes all of it, with no field unknown, no warning, no Pod that is not restricted', () => {
  test.each(variants)('%s', async (_, render) => {
    const manifests = await render()
    expect(manifests.length).toBeGreaterThan(5)
    expect(await applied(cluster, manifests)).toEqual([])
  })

  test.each(['job', 'scheduler-sidecar'])('the example %s', async (example) => {
    const labels = {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    }
    await cluster.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'tasks', labels } })
    await cluster.admin.apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: 'tasks' },
    } as Manifest)
    expect(await applied(cluster, await readManifests(`kubernetes/examples/${example}.yaml`))).toEqual([])
  })

  test('and it refuses a field that there is not, and a Pod that is not restricted', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x', namespace: 'foresize' } }
    await expect(cluster.admin.apply({ ...service, spec: { port: 1 } } as Manifest)).rejects.toThrow(
      'spec.port',
    )
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { serviceAccountName: 'foresize-estimator', containers: [{ name: 'a', image: 'a' }] },
    }
    const made = cluster.admin.request('POST', '/api/v1/namespaces/foresize/pods', { body: pod })
    await expect(made).rejects.toThrow('violates PodSecurity "restricted')
  })
})
