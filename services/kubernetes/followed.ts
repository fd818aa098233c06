import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { ApiError, type KubernetesApi, type WatchEvent } from './api.ts'

interface Identified {
  readonly metadata?:
    | {
        readonly name?: string | undefined
        readonly namespace?: string | undefined
        readonly resourceVersion?: string | undefined
      }
    | undefined
}

interface List<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: readonly T[]
}

export interface FollowOptions<T, V> {
  readonly api: Pick<KubernetesApi, 'get' | 'watch'>
  /** Such as /api/v1/namespaces. */
  readonly path: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What is kept of an object; undefined to keep nothing. Runs for every change. */
  readonly keep: (object: T) => V | undefined
  /** After an object was removed, with what had been kept. */
  readonly onRemoved?: (value: V) => void
  readonly clock: Clock
  readonly log: Log
}

/** Objects of the API as they are now, but for the time that news of them takes. */
export interface Followed<V> {
  get(name: string, namespace?: string): V | undefined
  values(): Iterable<V>
  /** Whether all that there were have been read at least once. */
  isSynced(): boolean
  /** The API server tells of changes as they come: a watch is open. */
  isCurrent(): boolean
  close(): void
}

/** What one answer holds is in memory at once: of Pods, some ten thousand bytes each, so many fit in V8's young generation. */
const pageSize = 20
const watchSeconds = 300
const backoffMinMs = 500
const backoffMaxMs = 30_000

/**
 * Lists, then watches, and lists again where the server has forgotten what was since. Goes on until it is closed. Each try
 * after a failure waits longer than the one before, until something arrives.
 */
export function follow<T extends Identified, V>(options: FollowOptions<T, V>): Followed<V> {
  const { api, path, keep, onRemoved, clock, log } = options
  const selectors = { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector }
  const closing = new AbortController()
  const kept = new Map<string, V>()
  let version: string | undefined
  let isSynced = false
  let isCurrent = false
  let waitMs = backoffMinMs

  function change(object: T): void {
    const key = keyOf(object.metadata?.name, object.metadata?.namespace)
    const value = keep(object)
    if (value === undefined) remove(key)
    else kept.set(key, value)
  }

  function remove(key: string): void {
    const value = kept.get(key)
    if (!kept.delete(key) || value === undefined) return
    onRemoved?.(value)
  }

  async function list(): Promise<string> {
    const seen = new Set<string>()
    for (let next: string | undefined = ''; ; ) {
      const query = { ...selectors, limit: pageSize, ...(next === '' ? {} : { continue: next }) }
      const page: List<T> = await api.get<List<T>>(path, { query, signal: closing.signal })
      for (const object of page.items ?? []) {
        seen.add(keyOf(object.metadata?.name, object.metadata?.namespace))
        change(object)
      }
      next = page.metadata.continue
      if (next !== undefined && next !== '') continue
      for (const key of [...kept.keys()]) if (!seen.has(key)) remove(key)
      return page.metadata.resourceVersion
    }
  }

  function onEvent({ type, object }: WatchEvent<T>): void {
    if (type === 'ERROR') {
      const {
        code = 0,
        reason = '',
        message = '',
      } = object as { code?: number; reason?: string; message?: string }
      throw new ApiError(code, reason, message)
    }
    if (type === 'DELETED') remove(keyOf(object.metadata?.name, object.metadata?.namespace))
    else if (type !== 'BOOKMARK') change(object)
    version = object.metadata?.resourceVersion ?? version
    waitMs = backoffMinMs
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        version ??= await list()
        isSynced = true
        const query = {
          ...selectors,
          resourceVersion: version,
          allowWatchBookmarks: 'true',
          timeoutSeconds: watchSeconds,
        }
        const onOpen = () => {
          isCurrent = true
        }
        await api.watch<T>(path, query, onEvent, closing.signal, onOpen)
        isCurrent = false
        waitMs = backoffMinMs
      } catch (error) {
        isCurrent = false
        if (closing.signal.aborted) return
        if (error instanceof ApiError && error.status === 410) version = undefined
        else log.warn({ err: error, path }, 'objects of Kubernetes cannot be followed; trying again')
      }
      await clock.sleep(waitMs * (0.5 + Math.random() / 2), closing.signal).catch(() => {})
      waitMs = Math.min(backoffMaxMs, waitMs * 2)
    }
  }

  void run()
  return {
    get: (name, namespace) => kept.get(keyOf(name, namespace)),
    values: () => kept.values(),
    isSynced: () => isSynced,
    isCurrent: () => isCurrent,
    close: () => closing.abort(),
  }
}

const keyOf = (name = '', namespace = '') => `${namespace}/${name}`
