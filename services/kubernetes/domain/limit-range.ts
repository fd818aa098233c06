import type { Resources } from '../../../shared/domain/resources.ts'
import { amountsOf, type SizedResource, sizedResources } from './container-resources.ts'
import type { NamespacePolicy } from './namespace-policy.ts'
import type { ContainerResources, PodSpec, Texts } from './pod.ts'
import { parseQuantity } from './quantity.ts'

/** Of a LimitRange, what bounds what is given. */
export interface LimitRangeItem {
  readonly type: string
  readonly min?: Texts | undefined
  readonly max?: Texts | undefined
  /** A limit may be so many times its request. */
  readonly maxLimitRequestRatio?: Texts | undefined
}

export interface Bounds {
  readonly min: Resources
  readonly max: Resources
}

const names = Object.keys(sizedResources) as SizedResource[]

/** What is written is rounded up to so much: a bound above it is one that the rounding does not pass. */
const stepOf = { cpu: 0.001, memory: 2 ** 20 } as const

/**
 * Between which amounts the API server takes what is given to a container, by the LimitRanges of its namespace. What is
 * outside it would refuse, and a Pod would not be made that would have been without the webhook.
 * Source: kubernetes, plugin/pkg/admission/limitranger.
 */
export function boundsOf(
  items: readonly LimitRangeItem[],
  spec: PodSpec,
  index: number,
  limits: NamespacePolicy['limits'],
): Bounds {
  const min: { [R in SizedResource]?: number } = {}
  const max: { [R in SizedResource]?: number } = {}
  const own = spec.containers[index]?.resources
  const others = spec.containers.filter((_, i) => i !== index).map(({ resources }) => resources)
  const atLeast = (name: SizedResource, amount: number | undefined) => {
    if (amount !== undefined) min[name] = Math.max(min[name] ?? 0, amount)
  }
  const atMost = (name: SizedResource, amount: number | undefined) => {
    if (amount === undefined) return
    const rounded = Math.floor(amount / stepOf[name] + 1e-9) * stepOf[name]
    max[name] = Math.min(max[name] ?? Number.POSITIVE_INFINITY, Math.max(stepOf[name], rounded))
  }
  for (const item of items) {
    for (const name of names) {
      const [least, most] = [parsed(item.min, name), parsed(item.max, name)]
      if (item.type === 'Container') {
        atLeast(name, least)
        atMost(name, most)
        // Where the limit goes with the request their ratio is one.
        const isKept = name === 'cpu' || limits === 'none'
        const [ratio, limit] = [parsed(item.maxLimitRequestRatio, name), parsed(own?.limits, name)]
        if (isKept && ratio !== undefined && limit !== undefined) atLeast(name, limit / ratio)
      }
      if (item.type === 'Pod') {
        if (least !== undefined) atLeast(name, least - sumOf(others, name, 'requests'))
        if (most !== undefined) atMost(name, most - sumOf(others, name, 'limits'))
      }
    }
  }
  return { min: inUnits(min), max: inUnits(max) }
}

const parsed = (quantities: Texts | undefined, name: SizedResource): number | undefined =>
  parseQuantity(quantities?.[name] ?? '')

/** A container that says only one of the two counts with that. */
function sumOf(
  containers: readonly (ContainerResources | undefined)[],
  name: SizedResource,
  side: 'requests' | 'limits',
): number {
  const other = side === 'requests' ? 'limits' : 'requests'
  return containers.reduce(
    (sum, each) => sum + (parsed(each?.[side], name) ?? parsed(each?.[other], name) ?? 0),
    0,
  )
}

const inUnits = (amounts: { readonly [R in SizedResource]?: number }): Resources =>
  amountsOf(Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)])))

/** Both bounds: the narrower of each, and a ceiling before a floor. */
export function within(bounds: Bounds, min: Resources, max: Resources): Bounds {
  const each = (pick: (a: number, b: number) => number, a: Resources, b: Resources): Resources =>
    Object.fromEntries(
      Object.values(sizedResources).flatMap((dimension) => {
        const known = [a[dimension], b[dimension]].filter((value) => value !== undefined)
        return known.length === 0 ? [] : [[dimension, known.reduce((x, y) => pick(x, y))]]
      }),
    )
  return { min: each(Math.max, bounds.min, min), max: each(Math.min, bounds.max, max) }
}
