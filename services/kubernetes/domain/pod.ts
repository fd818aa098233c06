/** Of a Pod as the API writes it, what is read here. */
export interface Pod {
  readonly metadata?: ObjectMeta | undefined
  readonly spec?: PodSpec | undefined
  readonly status?: PodStatus | undefined
}

export interface ObjectMeta {
  readonly name?: string | undefined
  readonly generateName?: string | undefined
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly creationTimestamp?: string | undefined
  readonly labels?: Texts | undefined
  readonly annotations?: Texts | undefined
  readonly ownerReferences?: readonly OwnerReference[] | undefined
  readonly deletionTimestamp?: unknown
}

export type Texts = Readonly<Record<string, string>>

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean | undefined
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[] | undefined
  /** Of the Pod as a whole: its owner has sized it. */
  readonly resources?: ContainerResources | undefined
}

export interface Container {
  readonly name: string
  readonly env?: readonly { readonly name: string; readonly value?: string | undefined }[] | undefined
  readonly resources?: ContainerResources | undefined
}

/** Quantities by the name of a resource. */
export interface ContainerResources {
  readonly requests?: Texts | undefined
  readonly limits?: Texts | undefined
}

export interface PodStatus {
  readonly phase?: string | undefined
  readonly reason?: string | undefined
  readonly conditions?: readonly PodCondition[] | undefined
  readonly containerStatuses?: readonly ContainerStatus[] | undefined
  readonly initContainerStatuses?: readonly ContainerStatus[] | undefined
}

export interface PodCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string | undefined
}

export interface ContainerStatus {
  readonly name: string
  readonly restartCount?: number | undefined
  /** `containerd://` and 64 hexadecimal digits. */
  readonly containerID?: string | undefined
  readonly state?: ContainerState | undefined
  readonly lastState?: ContainerState | undefined
}

export interface ContainerState {
  readonly waiting?: object | undefined
  readonly running?: { readonly startedAt?: string | undefined } | undefined
  readonly terminated?: Termination | undefined
}

export interface Termination {
  readonly exitCode: number
  readonly reason?: string | undefined
  /** Both in whole seconds. */
  readonly startedAt?: string | undefined
  readonly finishedAt?: string | undefined
  readonly containerID?: string | undefined
}

/** The owner that made the Pod. */
export const controllerOf = (pod: Pod): OwnerReference | undefined =>
  pod.metadata?.ownerReferences?.find(({ controller }) => controller === true)

export const annotationsOf = (pod: Pod): Texts => pod.metadata?.annotations ?? {}

export const labelsOf = (pod: Pod): Texts => pod.metadata?.labels ?? {}
