import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { Durability, ProfileStore } from '../store.ts'

/** A medium that answers. */
interface Connection {
  close(): Promise<void>
}

/**
 * A store whose medium may be away: until it is there every call fails with `unavailable`, and every check tries again.
 * Rejects where the medium answers at once, and cannot be used.
 */
export async function awaitedStore<C extends Connection>(
  durability: Durability,
  connect: () => Promise<C>,
  open: (connection: C) => Promise<ProfileStore>,
  log: Log,
): Promise<ProfileStore> {
  let store: ProfileStore | undefined
  let closed = false

  async function use(connection: C): Promise<void> {
    try {
      const opened = await open(connection)
      if (closed) await opened.close()
      else store = opened
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  function opened(): ProfileStore {
    if (store) return store
    throw new ForesizeError('unavailable', 'the profile store fails: it has not been reached yet')
  }

  const connection = await connect().catch((error: unknown) => {
    if (!(error instanceof ForesizeError && error.failure === 'unavailable')) throw error
    log.error({ err: error }, 'the profile store is away; it is tried again until it answers')
    return undefined
  })
  if (connection) await use(connection)
  return {
    durability,
    async check() {
      if (!store) await use(await connect())
      await opened().check()
    },
    get: async (key) => opened().get(key),
    commit: async (commit) => opened().commit(commit),
    list: async (query) => opened().list(query),
    namespaces: async () => opened().namespaces(),
    claimNamespace: async (namespace, most) => opened().claimNamespace(namespace, most),
    count: async (namespace, kind) => opened().count(namespace, kind),
    countProfiles: async () => opened().countProfiles(),
    getSession: async (id) => opened().getSession(id),
    deleteSession: async (id, checkpoint) => opened().deleteSession(id, checkpoint),
    dueSessions: async (nowUnixMs, limit) => opened().dueSessions(nowUnixMs, limit),
    countSessions: async () => opened().countSessions(),
    sessionCounts: async () => opened().sessionCounts(),
    async *watch(cursor, signal, namespaces) {
      yield* opened().watch(cursor, signal, namespaces)
    },
    sweep: async (before) => opened().sweep(before),
    statistics: () => store?.statistics() ?? { quarantined: 0, isPersistent: false },
    async close() {
      closed = true
      await store?.close()
    },
  }
}
