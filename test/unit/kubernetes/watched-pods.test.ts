import { expect, test } from 'vitest'
import { measurements } from '../../../services/kubernetes/agent/measurements.ts'
import { watchPods } from '../../../services/kubernetes/agent/watched-pods.ts'
import type { KubernetesApi, WatchEvent } from '../../../services/kubernetes/api.ts'
import type { Pod } from '../../../services/kubernetes/domain/pod.ts'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { podOf } from './pods.ts'

const pod = (name: string, uid = name): Pod => {
  const made = podOf({ kind: 'Job', name: 'sort' })
  return { ...made, metadata: { ...made.metadata, name, uid } }
}

const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: Pod): WatchEvent<Pod> => ({ type, object })

/** What becomes of these events, where there is room for one Pod. */
async function watchedAfter(events: readonly WatchEvent<Pod>[]) {
  const told = Promise.withResolvers<void>()
  const api: Pick<KubernetesApi, 'get' | 'watch'> = {
    get: async <T>() => ({ metadata: { resourceVersion: '1' } }) as T,
    watch(_, __, onEvent, signal) {
      for (const each of events) onEvent(each as never)
      told.resolve()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    },
  }
  const noFiles = {
    version: 2,
    look: () => ({ containersOf: () => new Map() }),
    read: () => undefined,
  } as const
  const pods = watchPods({
    api,
    nodeName: 'node',
    maxPods: 1,
    sinceUnixMs: 0,
    isOptedIn: () => true,
    measurements: measurements(noFiles, 1000, systemClock.monotonicMs),
    report: () => {},
    clock: systemClock,
    log: createLog('test', 'silent'),
  })
  await told.promise
  pods.close()
  return { watched: pods.size(), turnedAway: pods.counts.turnedAway }
}

test('a Pod that there is no room for is counted once, however often it changes', async () => {
  const changes = [event('ADDED', pod('b')), event('MODIFIED', pod('b')), event('MODIFIED', pod('b'))]
  expect(await watchedAfter([event('ADDED', pod('a')), ...changes])).toEqual({ watched: 1, turnedAway: 1 })
})

test('another of its name counts anew, and it is measured at its next change once there is room', async () => {
  const turnedAway = [event('ADDED', pod('b', 'b1')), event('ADDED', pod('b', 'b2'))]
  expect(
    await watchedAfter([
      event('ADDED', pod('a')),
      ...turnedAway,
      event('DELETED', pod('a')),
      event('MODIFIED', pod('b', 'b2')),
      event('DELETED', pod('c')),
    ]),
  ).toEqual({ watched: 1, turnedAway: 2 })
})
