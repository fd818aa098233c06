import type { Resources } from '../../../shared/domain/resources.ts'
import type { NamespacePolicy } from './namespace-policy.ts'
import {
  annotationsOf,
  type Container,
  type ContainerResources,
  type Pod,
  type PodSpec,
  type Texts,
} from './pod.ts'
import { cpuQuantity, memoryQuantity, parseQuantity } from './quantity.ts'

/** Of what a container is given, what is sized: ephemeral storage, huge pages and devices are its owner's. */
export const sizedResources = { cpu: 'cpuCores', memory: 'memoryBytes' } as const

export type SizedResource = keyof typeof sizedResources

const names = Object.keys(sizedResources) as SizedResource[]

/** What a container asks for: its request, which is its limit where it has none. */
export function askedOf({ resources }: Pick<Container, 'resources'>): {
  readonly [R in SizedResource]?: string
} {
  const asked: { [R in SizedResource]?: string } = {}
  for (const name of names) {
    const text = resources?.requests?.[name] ?? resources?.limits?.[name]
    if (text !== undefined) asked[name] = text
  }
  return asked
}

/** Quantities in the units of the estimator; what cannot be read is left out. */
export function amountsOf(quantities: { readonly [R in SizedResource]?: string | undefined }): Resources {
  const amounts: { -readonly [D in keyof Resources]: Resources[D] } = {}
  for (const name of names) {
    const value = parseQuantity(quantities[name] ?? '')
    if (value !== undefined) amounts[sizedResources[name]] = value
  }
  return amounts
}

/** What an attempt was given: memory by its limit, since that is what kills. */
export function givenTo(container: Container): Resources {
  const { requests, limits } = container.resources ?? {}
  return amountsOf({
    cpu: requests?.['cpu'] ?? limits?.['cpu'],
    memory: limits?.['memory'] ?? requests?.['memory'],
  })
}

/**
 * What a LimitRange has filled in, which nobody has asked for, by the annotation that it leaves:
 * `LimitRanger plugin set: cpu, memory request for container a; memory limit for container a`.
 */
export function filledIn(pod: Pod, container: string): readonly SizedResource[] {
  const [, text = ''] = (annotationsOf(pod)['kubernetes.io/limit-ranger'] ?? '').split('plugin set: ')
  return names.filter((name) =>
    text.split('; ').some((part) => {
      const [, filled = '', of] = /^(.*) request for container (.*)$/.exec(part) ?? []
      return of === container && filled.split(', ').includes(name)
    }),
  )
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** As the kubelet has it: only cpu and memory count, of init containers too. */
export function qosClassOf({ containers, initContainers = [] }: PodSpec): QosClass {
  const all = [...containers, ...initContainers]
  const isSet = (quantities: Texts | undefined) =>
    names.some((name) => (parseQuantity(quantities?.[name] ?? '') ?? 0) > 0)
  if (!all.some(({ resources }) => isSet(resources?.requests) || isSet(resources?.limits)))
    return 'BestEffort'
  const isFixed = ({ resources }: Container, name: SizedResource) => {
    const limit = parseQuantity(resources?.limits?.[name] ?? '')
    const request = parseQuantity(resources?.requests?.[name] ?? resources?.limits?.[name] ?? '')
    return limit !== undefined && limit > 0 && request === limit
  }
  return all.every((container) => names.every((name) => isFixed(container, name)))
    ? 'Guaranteed'
    : 'Burstable'
}

/** Where the limit of a resource goes with its new request. */
type LimitRule = 'same' | 'kept'

/**
 * The container's resources with what it is given; undefined where that could only be written by changing the Pod's QoS
 * class. A Pod that asked for nothing is BestEffort and becomes Burstable: whatever requests something is.
 * A limit that is kept is raised to its request where it is below, else the API server would refuse the Pod.
 */
export function resourcesWith(
  spec: PodSpec,
  index: number,
  given: Resources,
  limits: NamespacePolicy['limits'],
): ContainerResources | undefined {
  const before = qosClassOf(spec)
  const memory = limits === 'memory' ? 'same' : 'kept'
  const attempts: readonly (readonly [memory: LimitRule, cpu: LimitRule])[] = [
    [memory, 'kept'],
    ['same', 'same'],
    ['kept', 'kept'],
  ]
  for (const [ofMemory, ofCpu] of attempts) {
    const resources = written(spec.containers[index]?.resources, given, ofMemory, ofCpu)
    const containers = spec.containers.map((each, i) => (i === index ? { ...each, resources } : each))
    const after = qosClassOf({ ...spec, containers })
    if (after === before || (before === 'BestEffort' && after === 'Burstable')) return resources
  }
  return undefined
}

function written(
  before: ContainerResources | undefined,
  given: Resources,
  ofMemory: LimitRule,
  ofCpu: LimitRule,
): ContainerResources {
  const requests = { ...before?.requests }
  const limits = { ...before?.limits }
  const write = (name: SizedResource, quantity: string, mayAdd: boolean, rule: LimitRule) => {
    requests[name] = quantity
    const limit = limits[name]
    const isBelow = limit !== undefined && (parseQuantity(limit) ?? 0) < (parseQuantity(quantity) ?? 0)
    if (isBelow || (rule === 'same' && (mayAdd || limit !== undefined))) limits[name] = quantity
  }
  if (given.memoryBytes !== undefined) write('memory', memoryQuantity(given.memoryBytes), true, ofMemory)
  // A CPU limit throttles: none is added.
  if (given.cpuCores !== undefined) write('cpu', cpuQuantity(given.cpuCores), false, ofCpu)
  return { ...before, requests, ...(Object.keys(limits).length === 0 ? {} : { limits }) }
}
