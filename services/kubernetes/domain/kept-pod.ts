import { ownPrefix } from './names.ts'
import { annotationsOf, type Pod } from './pod.ts'

/** Of a Pod whose task's container is known, what its runs are told from. The rest is most of it, and a node may have 500. */
export function keptOf(pod: Pod, container: string): Pod {
  const { metadata, spec, status } = pod
  const { name, namespace, uid, deletionTimestamp } = metadata ?? {}
  const isTask = (each: { readonly name: string }) => each.name === container
  const own = Object.entries(annotationsOf(pod)).filter(([key]) => key.startsWith(ownPrefix))
  return {
    metadata: { name, namespace, uid, deletionTimestamp, annotations: Object.fromEntries(own) },
    spec: {
      containers: (spec?.containers ?? [])
        .filter(isTask)
        .map(({ resources }) => ({ name: container, resources })),
    },
    status: {
      phase: status?.phase,
      reason: status?.reason,
      conditions: status?.conditions?.filter(({ type }) => type === 'DisruptionTarget'),
      containerStatuses: status?.containerStatuses?.filter(isTask),
      initContainerStatuses: status?.initContainerStatuses?.map(({ name: init, state }) => ({
        name: init,
        state,
      })),
    },
  }
}
