import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { KubernetesApi } from '../api.ts'
import type { LimitRangeItem } from '../domain/limit-range.ts'
import type { ObjectMeta } from '../domain/pod.ts'
import { follow } from '../followed.ts'

/** What the LimitRanges of each namespace say. */
export interface LimitRanges {
  itemsOf(namespace: string): readonly LimitRangeItem[]
  isSynced(): boolean
  close(): void
}

interface LimitRange {
  readonly metadata: ObjectMeta
  readonly spec?: { readonly limits?: readonly LimitRangeItem[] | undefined } | undefined
}

interface Kept {
  readonly namespace: string
  readonly items: readonly LimitRangeItem[]
}

export function followLimitRanges(api: KubernetesApi, clock: Clock, log: Log): LimitRanges {
  const followed = follow<LimitRange, Kept>({
    api,
    path: '/api/v1/limitranges',
    keep: ({ metadata, spec }) => ({ namespace: metadata.namespace ?? '', items: spec?.limits ?? [] }),
    clock,
    log,
  })
  return {
    itemsOf: (of) =>
      [...followed.values()].flatMap(({ namespace, items }) => (namespace === of ? items : [])),
    isSynced: followed.isSynced,
    close: followed.close,
  }
}
