import { once } from 'node:events'
import { ForesizeError } from '../../shared/domain/errors.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import { handlers } from '../../shared/rpc/handlers.ts'
import { startRpcServer } from '../../shared/rpc/server.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import { createLog } from '../../shared/runtime/log.ts'
import type { ProfileKey } from '../../shared/wire/gen/foresize/v1/profile.ts'
import {
  ProfilerServiceService,
  type WatchProfilesResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfile } from '../../shared/wire/profile.ts'

type Change = NonNullable<WatchProfilesResponse['change']>

/**
 * A real gRPC server that feeds what a test tells it: for what a profiler does rarely or by accident (a cursor too old,
 * a broken connection, an answer that never comes). The real profiler is tested against in estimator-pair.test.ts.
 */
export async function profileFeed(listen = '127.0.0.1:0') {
  const log = createLog('test', 'silent')
  const { unary, serverStream } = handlers(log)
  const profiles = new Map<string, Profile>()
  const changes: Change[] = []
  const cursors: string[] = []
  let asked = 0
  let answering = true
  let resync = false
  let changed = Promise.withResolvers<void>()
  let hangUp = new AbortController()

  const idOf = ({ kind, task }: { kind: number | string; task: string }) =>
    `${kind === 1 || kind === 'task' ? 'task' : kind}/${task}`

  function tell(change: Change): void {
    changes.push(change)
    changed.resolve()
    changed = Promise.withResolvers()
  }

  async function* watch(cursor: string, signal: AbortSignal): AsyncIterable<WatchProfilesResponse> {
    cursors.push(cursor)
    let next = Number(cursor || changes.length)
    if (resync) {
      resync = false
      next = changes.length
      yield { cursor: '', change: { $case: 'resync', value: {} } }
    }
    if (cursor === '' || next === changes.length) {
      for (const profile of profiles.values()) {
        yield { cursor: '', change: { $case: 'profile', value: fromProfile(profile) } }
      }
    }
    while (!signal.aborted) {
      for (; next < changes.length; next++) yield { cursor: String(next + 1), change: changes[next] }
      const news = changed.promise
      yield { cursor: String(next), change: { $case: 'caughtUp', value: {} } }
      await Promise.race([news, once(signal, 'abort')])
    }
    throw new ForesizeError('unavailable', 'hung up')
  }

  const missing = unary(() => {
    throw new ForesizeError('unsupported', 'not in this test')
  })
  const names = Object.keys(ProfilerServiceService)
  const server = await startRpcServer({
    listen,
    serviceName: 'foresize.v1.ProfilerService',
    definition: ProfilerServiceService,
    implementation: {
      ...Object.fromEntries(names.map((name) => [name, missing])),
      watchProfiles: serverStream((request: { cursor: string }, { signal }) =>
        watch(request.cursor, AbortSignal.any([signal, hangUp.signal])),
      ),
      getProfile: unary(async ({ key }: { key?: ProfileKey }) => {
        asked++
        if (!answering) await new Promise(() => {})
        const profile = key && profiles.get(idOf(key))
        if (profile === undefined) throw new ForesizeError('not-found', 'no such profile')
        return { profile: fromProfile(profile) }
      }),
    },
    maxMessageBytes: 4 * 1024 * 1024,
    maxConcurrentStreams: 100,
    held: heldBytes({ maxHeldBytes: 2 ** 28, maxHeldShare: 1 }),
    log,
  })
  server.setServing(true)

  return {
    address: server.address,
    put(profile: Profile) {
      profiles.set(idOf(profile.key), profile)
      tell({ $case: 'profile', value: fromProfile(profile) })
    },
    /** Into the store, without a word to those who watch. */
    putSilently: (profile: Profile) => profiles.set(idOf(profile.key), profile),
    delete(profile: Profile) {
      profiles.delete(idOf(profile.key))
      tell({ $case: 'deleted', value: fromProfile(profile).key as ProfileKey })
    },
    heartbeat: () => tell({ $case: 'caughtUp', value: {} }),
    /** Ends every stream; the next one starts anew. */
    forgetCursors() {
      resync = true
      hangUp.abort()
      hangUp = new AbortController()
    },
    hangUp() {
      hangUp.abort()
      hangUp = new AbortController()
    },
    stopAnswering() {
      answering = false
    },
    /** Cursors that watchers came with, in order. */
    cursors,
    get asked() {
      return asked
    },
    async close() {
      hangUp.abort()
      await server.drain(0)
    },
  }
}
