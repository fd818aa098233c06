import type { Manifest } from './manifests.ts'

export interface Container {
  readonly name: string
  readonly image: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>
    readonly limits?: Readonly<Record<string, string>>
  }
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
  readonly [probe: string]: unknown
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly volumes?: readonly Readonly<Record<string, unknown>>[]
  readonly [field: string]: unknown
}

export interface Workload {
  readonly kind: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly pod: PodSpec
}

/** What makes pods. */
export function workloadsOf(manifests: readonly Manifest[]): readonly Workload[] {
  return manifests.flatMap(({ kind, metadata, spec }) =>
    ['Deployment', 'StatefulSet', 'Job', 'DaemonSet'].includes(kind)
      ? [{ kind, name: metadata.name, labels: spec.template.metadata.labels, pod: spec.template.spec }]
      : [],
  )
}

export const containersOf = ({ pod }: Workload): readonly Container[] => [
  ...(pod.initContainers ?? []),
  ...pod.containers,
]

export function matches(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels?.[key] === value)
}

/**
 * What of a pod the Pod Security Standard "restricted" forbids.
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function restrictedViolations(workload: Workload): readonly string[] {
  const { pod } = workload
  const problems: string[] = []
  const expectThat = (holds: boolean, problem: string) => {
    if (!holds) problems.push(`${workload.name}: ${problem}`)
  }
  const podContext = pod.securityContext ?? {}
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'])
    expectThat(pod[field] === undefined, `${field} is set`)
  const allowedVolumes = [
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'ephemeral',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ]
  for (const { name, ...source } of pod.volumes ?? []) {
    for (const type of Object.keys(source)) {
      expectThat(allowedVolumes.includes(type), `volume ${String(name)} is a ${type}`)
    }
  }
  for (const { name, securityContext: own = {}, ports } of containersOf(workload)) {
    const context: Readonly<Record<string, unknown>> = { ...podContext, ...own }
    const seccomp = context['seccompProfile'] as { readonly type?: string } | undefined
    const capabilities = own['capabilities'] as
      | { readonly drop?: readonly string[]; readonly add?: readonly string[] }
      | undefined
    expectThat(context['runAsNonRoot'] === true, `${name} may run as root`)
    expectThat(context['runAsUser'] !== 0, `${name} runs as root`)
    expectThat(own['privileged'] !== true, `${name} is privileged`)
    expectThat(own['allowPrivilegeEscalation'] === false, `${name} may escalate`)
    expectThat(capabilities?.drop?.includes('ALL') === true, `${name} keeps capabilities`)
    expectThat(
      (capabilities?.add ?? []).every((each) => each === 'NET_BIND_SERVICE'),
      `${name} adds capabilities`,
    )
    expectThat(
      seccomp?.type === 'RuntimeDefault' || seccomp?.type === 'Localhost',
      `${name} has no seccomp profile`,
    )
    for (const port of ports ?? []) expectThat(!('hostPort' in port), `${name} takes a port of the host`)
  }
  return problems
}
