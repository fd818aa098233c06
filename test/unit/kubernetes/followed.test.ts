import { expect, test } from 'vitest'
import { ApiError, type KubernetesApi, type WatchEvent } from '../../../services/kubernetes/api.ts'
import { type Followed, follow } from '../../../services/kubernetes/followed.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { createLog } from '../../../shared/runtime/log.ts'

interface Named {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
}

const named = (name: string, resourceVersion: string): Named => ({ metadata: { name, resourceVersion } })

/** One watch: what it tells before it fails, or ends where `error` is unset. */
interface Watch {
  readonly events?: readonly WatchEvent<Named>[]
  readonly error?: Error
}

const away = new Error('connect ECONNREFUSED')

/** Follows through these watches; after the last everything waits until it is closed. */
async function followThrough(watches: readonly Watch[]) {
  const slept: number[] = []
  const watchedFrom: unknown[] = []
  const exhausted = Promise.withResolvers<void>()
  const clock: Pick<Clock, 'sleep'> = {
    async sleep(ms) {
      slept.push(ms)
    },
  }
  let lists = 0
  const api: Pick<KubernetesApi, 'get' | 'watch'> = {
    get: async <T>() => {
      lists += 1
      return { metadata: { resourceVersion: `list ${lists}` }, items: [named('a', '1')] } as T
    },
    async watch(_, { resourceVersion }, onEvent, signal) {
      const watch = watches[watchedFrom.length]
      if (watch === undefined) {
        exhausted.resolve()
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
      }
      watchedFrom.push(resourceVersion)
      for (const event of watch.events ?? []) onEvent(event as never)
      if (watch.error) throw watch.error
    },
  }
  const followed: Followed<string> = follow<Named, string>({
    api,
    path: '/api/v1/things',
    keep: ({ metadata }) => metadata.name,
    clock: clock as Clock,
    log: createLog('test', 'silent'),
  })
  await exhausted.promise
  followed.close()
  return { followed, slept, watchedFrom, lists }
}

/** Each wait is drawn between half of its longest and that. */
const within = (longestMs: number) => (ms: number) => ms >= longestMs / 2 && ms <= longestMs

test('a watch that fails again and again is tried less and less often', async () => {
  const { slept, lists } = await followThrough(Array.from({ length: 9 }, () => ({ error: away })))
  const longest = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
  expect(slept.map((ms, i) => within(longest[i] ?? 0)(ms))).toEqual(longest.map(() => true))
  expect(lists).toBe(1)
})

test('what arrives, or an end that was agreed, begins the waits anew', async () => {
  const added: Watch = { events: [{ type: 'ADDED', object: named('b', '2') }], error: away }
  const { followed, slept } = await followThrough([
    { error: away },
    { error: away },
    added,
    {},
    { error: away },
  ])
  const longest = [500, 1000, 500, 500, 1000]
  expect(slept.map((ms, i) => within(longest[i] ?? 0)(ms))).toEqual(longest.map(() => true))
  expect([...followed.values()].sort()).toEqual(['a', 'b'])
})

test('it goes on where it was, and lists again where the server has forgotten that', async () => {
  const gone = new ApiError(410, 'Expired', 'too old resource version')
  const added: Watch = { events: [{ type: 'ADDED', object: named('b', '2') }], error: away }
  const { followed, watchedFrom, lists } = await followThrough([added, { error: gone }, { error: away }])
  expect(watchedFrom).toEqual(['list 1', '2', 'list 2'])
  expect(lists).toBe(2)
  expect([...followed.values()]).toEqual(['a'])
})
