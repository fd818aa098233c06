import type { Manifest } from '../support/manifests.ts'
import { type Workload, workloadsOf } from '../support/workloads.ts'
import type { Cluster } from './cluster.ts'

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

/**
 * Applies all, strictly, and then, as its controller would, a Pod of each workload: the namespace's Pod Security decides on
 * those. Returns what the API server warns of.
 */
export async function applied(
  { admin }: Cluster,
  manifests: readonly Manifest[],
): Promise<readonly string[]> {
  const warnings: string[] = []
  for (const manifest of inOrder(manifests)) {
    const answer = await admin.apply(manifest)
    warnings.push(...answer.warnings.map((text) => `${manifest.kind}/${manifest.metadata.name}: ${text}`))
  }
  return [...warnings, ...(await podWarnings(admin, manifests))]
}

/** Of a Pod of each workload, that is not made. */
export async function podWarnings(
  admin: Cluster['admin'],
  manifests: readonly Manifest[],
): Promise<readonly string[]> {
  const warnings: string[] = []
  for (const workload of workloadsOf(manifests)) {
    const made = manifests.find(
      ({ kind, metadata }) => kind === workload.kind && metadata.name === workload.name,
    )
    const { namespace = 'default' } = (made?.metadata ?? {}) as { readonly namespace?: string }
    const answer = await admin.request('POST', `/api/v1/namespaces/${namespace}/pods`, {
      query: { fieldValidation: 'Strict', dryRun: 'All' },
      body: podOf(workload, made),
    })
    warnings.push(...answer.warnings.map((text) => `Pod of ${workload.name}: ${text}`))
  }
  return warnings
}
