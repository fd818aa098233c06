import type { Manifest } from './manifests.ts'
import { matches, type Workload } from './workloads.ts'

/** A way from one pod to another that policies name. */
export interface Way {
  readonly from: string
  readonly to: string
  /** As the policy writes it: a number, or the name of a container's port. */
  readonly port: string | number
}

type Labels = Readonly<Record<string, string>>

interface Selector {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values: readonly string[]
  }[]
}

interface Peer {
  readonly podSelector?: Selector
  readonly namespaceSelector?: Selector
}

interface Rule {
  readonly from?: readonly Peer[]
  readonly to?: readonly Peer[]
  readonly ports?: readonly { readonly port: string | number }[]
}

const selects = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels) =>
  matches(matchLabels, labels) &&
  matchExpressions.every(({ key, operator, values }) => {
    if (operator !== 'In') throw new Error(`the operator ${operator} is not known here`)
    return values.includes(labels[key] ?? '')
  })

/**
 * What pods of the namespace may say to each other, and what they may hear from each other. `workloads` are all that
 * there are, those that are the user's own among them.
 */
export function waysOf(
  manifests: readonly Manifest[],
  workloads: readonly Pick<Workload, 'name' | 'labels'>[],
): { readonly spoken: readonly Way[]; readonly heard: readonly Way[] } {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy')
  const selectedBy = (selector: Selector) => workloads.filter(({ labels }) => selects(selector, labels))
  const between = (direction: 'ingress' | 'egress'): readonly Way[] =>
    policies.flatMap(({ spec }) =>
      (spec[direction] ?? []).flatMap((rule: Rule) => {
        const peers = (direction === 'ingress' ? rule.from : rule.to) ?? []
        const others = peers.flatMap(({ podSelector, namespaceSelector }) =>
          namespaceSelector === undefined ? selectedBy(podSelector ?? {}) : [],
        )
        return selectedBy(spec.podSelector).flatMap((own) =>
          others.flatMap((other) =>
            (rule.ports ?? []).map(({ port }) =>
              direction === 'ingress'
                ? { from: other.name, to: own.name, port }
                : { from: own.name, to: other.name, port },
            ),
          ),
        )
      }),
    )
  return { spoken: between('egress'), heard: between('ingress') }
}
