import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Manifest, readManifests, renderOverlay, renderWith } from '../support/manifests.ts'
import { type Workload, workloadsOf } from '../support/workloads.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { defineCustomResources } from './custom-resources.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
  await defineCustomResources(cluster)
})

afterAll(() => cluster?.stop())

/** Namespaces first: nothing else of them can be before. */
const inOrder = (manifests: readonly Manifest[]) => [
  ...manifests.filter(({ kind }) => kind === 'Namespace'),
  ...manifests.filter(({ kind }) => kind !== 'Namespace'),
]

/** The Pod that a controller makes of a workload; a StatefulSet's claims are volumes of it. */
function podOf(workload: Workload, manifest: Manifest | undefined) {
  const claims: readonly { readonly metadata: { readonly name: string } }[] =
    manifest?.['spec']?.volumeClaimTemplates ?? []
  const claimed = claims.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${workload.name}-test`, labels: workload.labels },
    spec: { ...workload.pod, volumes: [...(workload.pod.volumes ?? []), ...claimed] },
  }
}

/** Applies all, and then, as its controller would, a Pod of each workload: the namespace's Pod Security decides on those. */
async function applied(manifests: readonly Manifest[]): Promise<readonly string[]> {
  const warnings: string[] = []
  for (const manifest of inOrder(manifests)) {
    const answer = await cluster.admin.apply(manifest)
    warnings.push(...answer.warnings.map((text) => `${manifest.kind}/${manifest.metadata.name}: ${text}`))
  }
  for (const workload of workloadsOf(manifests)) {
    const made = manifests.find(
      ({ kind, metadata }) => kind === workload.kind && metadata.name === workload.name,
    )
    const { namespace = 'default' } = (made?.metadata ?? {}) as { readonly namespace?: string }
    const answer = await cluster.admin.request('POST', `/api/v1/namespaces/${namespace}/pods`, {
      query: { fieldValidation: 'Strict', dryRun: 'All' },
      body: podOf(workload, made),
    })
    warnings.push(...answer.warnings.map((text) => `Pod of ${workload.name}: ${text}`))
  }
  return warnings
}

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
    expect(await applied(manifests)).toEqual([])
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
    expect(await applied(await readManifests(`kubernetes/examples/${example}.yaml`))).toEqual([])
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
