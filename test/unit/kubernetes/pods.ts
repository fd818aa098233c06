import type { Pod, Texts } from '../../../services/kubernetes/domain/pod.ts'

/** A Pod as a controller of the named kind makes it. */
export function podOf(
  owner: { readonly kind: string; readonly name: string; readonly apiVersion?: string } | undefined,
  {
    labels = {},
    annotations = {},
    containers = ['main'],
  }: { labels?: Texts; annotations?: Texts; containers?: readonly string[] } = {},
): Pod {
  const ownerReferences =
    owner === undefined
      ? []
      : [
          {
            apiVersion: owner.apiVersion ?? 'batch/v1',
            kind: owner.kind,
            name: owner.name,
            uid: 'u',
            controller: true,
          },
        ]
  return {
    metadata: { name: 'pod', namespace: 'tasks', labels, annotations, ownerReferences },
    spec: { containers: containers.map((name) => ({ name })) },
  }
}
