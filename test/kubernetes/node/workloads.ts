import { setTimeout as sleep } from 'node:timers/promises'
import type { Pod } from '../../../services/kubernetes/domain/pod.ts'
import type { KubernetesClient } from '../kubernetes-client.ts'

/** Asks until the answer is as wanted; rejects after so long with what came last. */
export async function within<T>(
  seconds: number,
  ask: () => Promise<T>,
  isWanted: (answer: T) => boolean,
): Promise<T> {
  const giveUp = AbortSignal.timeout(seconds * 1000)
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    if (giveUp.aborted) throw new Error(`not as wanted after ${seconds} s: ${JSON.stringify(answer)}`)
    await sleep(250)
  }
}

const deploymentPath = (name: string) => `/apis/apps/v1/namespaces/foresize/deployments/${name}`

/** Until a Deployment has all its Pods, each of its latest template. */
export async function untilAvailable(admin: KubernetesClient, name: string, replicas: number): Promise<void> {
  const ask = async () => (await admin.request('GET', deploymentPath(name))).body
  await within(300, ask, ({ metadata, status = {} }) => {
    const { observedGeneration = 0, updatedReplicas = 0, availableReplicas = 0 } = status
    const isLatest = observedGeneration >= metadata.generation && status.replicas === updatedReplicas
    return isLatest && availableReplicas >= replicas
  })
}

/** As `kubectl rollout restart` and `rollout status` do. */
export async function restart(admin: KubernetesClient, name: string, replicas: number): Promise<void> {
  const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() }
  await admin.request('PATCH', deploymentPath(name), {
    type: 'application/merge-patch+json',
    body: { spec: { template: { metadata: { annotations } } } },
  })
  await untilAvailable(admin, name, replicas)
}

export async function podsOf(
  admin: KubernetesClient,
  namespace: string,
  job: string,
): Promise<readonly Pod[]> {
  const query = { labelSelector: `batch.kubernetes.io/job-name=${job}` }
  return (await admin.request('GET', `/api/v1/namespaces/${namespace}/pods`, { query })).body.items
}

/** Until a Job has ended, well or not. */
export async function untilEnded(admin: KubernetesClient, namespace: string, job: string): Promise<void> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${job}`
  const ask = async () => (await admin.request('GET', path)).body.status
  const isEnd = ({ type, status }: { readonly type: string; readonly status: string }) =>
    status === 'True' && (type === 'Complete' || type === 'Failed')
  await within(240, ask, ({ conditions = [] }) => conditions.some(isEnd))
}
