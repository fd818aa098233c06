import CircuitBreaker from 'opossum'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { ProfileStore } from '../store.ts'

export interface StoreBreakerSettings {
  /** Calls are counted over so long. Default 2000. */
  readonly breakerWindowMs: number
  /** Failures in per cent of the calls that open the breaker. Default 50. */
  readonly breakerErrorPercent: number
  /** Least calls in that time before it may open. Default 3. */
  readonly breakerMinCalls: number
  /** Time until an open breaker lets one call through. Default 1000. */
  readonly breakerResetMs: number
}

/** A store far away behind a breaker: while it fails, callers learn so at once instead of waiting out its deadline. */
export function guardedStore(store: ProfileStore, settings: StoreBreakerSettings, log: Log): ProfileStore {
  const breaker = new CircuitBreaker<[() => Promise<unknown>], unknown>((action) => action(), {
    timeout: false,
    errorThresholdPercentage: settings.breakerErrorPercent,
    volumeThreshold: settings.breakerMinCalls,
    resetTimeout: settings.breakerResetMs,
    rollingCountTimeout: settings.breakerWindowMs,
    rollingPercentilesEnabled: false,
    errorFilter: (error: unknown) => !(error instanceof ForesizeError && error.failure === 'unavailable'),
  })
  breaker.on('open', () => log.error('the profile store fails: its breaker is open'))
  breaker.on('close', () => log.info('the profile store is back: its breaker is closed'))

  async function guarded<T>(action: () => Promise<T>): Promise<T> {
    try {
      return (await breaker.fire(action)) as T
    } catch (error) {
      if (!(error instanceof Error && CircuitBreaker.isOurError(error))) throw error
      throw new ForesizeError('unavailable', 'the profile store fails; it is tried again shortly')
    }
  }

  return {
    ...store,
    // Asked every second: it must not open the breaker of others, nor wait for it.
    check: () => store.check(),
    get: (key) => guarded(() => store.get(key)),
    commit: (commit) => guarded(() => store.commit(commit)),
    list: (query) => guarded(() => store.list(query)),
    namespaces: () => guarded(() => store.namespaces()),
    claimNamespace: (namespace, most) => guarded(() => store.claimNamespace(namespace, most)),
    count: (namespace, kind) => guarded(() => store.count(namespace, kind)),
    countProfiles: () => guarded(() => store.countProfiles()),
    getSession: (id) => guarded(() => store.getSession(id)),
    deleteSession: (id, checkpoint) => guarded(() => store.deleteSession(id, checkpoint)),
    dueSessions: (nowUnixMs, limit) => guarded(() => store.dueSessions(nowUnixMs, limit)),
    countSessions: () => guarded(() => store.countSessions()),
    sessionCounts: () => guarded(() => store.sessionCounts()),
    sweep: (before) => guarded(() => store.sweep(before)),
    async close() {
      breaker.shutdown()
      await store.close()
    },
  }
}
