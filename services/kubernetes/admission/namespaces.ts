import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { KubernetesApi } from '../api.ts'
import { modeLabel } from '../domain/names.ts'
import { type NamespacePolicy, namespacePolicyOf } from '../domain/namespace-policy.ts'
import type { ObjectMeta } from '../domain/pod.ts'
import { follow } from '../followed.ts'

/** The policies of the namespaces that have opted in. */
export interface Namespaces {
  /** One that was labelled a moment ago is asked for. */
  policyOf(namespace: string, signal: AbortSignal): Promise<NamespacePolicy>
  isSynced(): boolean
  close(): void
}

interface Namespace {
  readonly metadata: ObjectMeta
}

export function followNamespaces(api: KubernetesApi, clock: Clock, log: Log): Namespaces {
  function policyIn({ metadata }: Namespace): NamespacePolicy {
    const { policy, violations } = namespacePolicyOf(metadata)
    if (violations.length > 0) {
      log.warn(
        { namespace: metadata.name, violations },
        'a namespace says how it is sized in words that are unknown',
      )
    }
    return policy
  }

  const path = '/api/v1/namespaces'
  const followed = follow<Namespace, NamespacePolicy>({
    api,
    path,
    labelSelector: modeLabel,
    keep: policyIn,
    clock,
    log,
  })
  return {
    async policyOf(namespace, signal) {
      const known = followed.get(namespace)
      if (known !== undefined) return known
      return policyIn(await api.get<Namespace>(`${path}/${encodeURIComponent(namespace)}`, { signal }))
    },
    isSynced: followed.isSynced,
    close: followed.close,
  }
}
