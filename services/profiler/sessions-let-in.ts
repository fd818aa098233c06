import { ForesizeError } from '../../shared/domain/errors.ts'
import type { Session } from './domain/session.ts'
import { countsOfSession, type Quotas, tenantOfScope } from './quotas.ts'
import type { ProfileStore } from './store.ts'

/** New sessions, as far as there is room: they count from when they are let in, before they are stored. */
export interface SessionsLetIn {
  /** Errors: `overloaded`. */
  letIn(sessionId: string, scope: Session['scope']): Promise<void>
  /** One that was let in goes on counting once it is stored, and not where that fails. */
  storing(sessionId: string, stored: Promise<unknown>): void
  /** One that was let in and is not stored counts no more. */
  leave(sessionId: string): void
}

export function sessionsLetIn(store: ProfileStore, quotas: Quotas, maxSessions: number): SessionsLetIn {
  /** Those that are not stored yet. */
  const arriving = new Map<string, PromiseWithResolvers<void>>()

  function leave(sessionId: string): void {
    arriving.get(sessionId)?.reject(new Error('the session was not kept'))
    arriving.delete(sessionId)
  }

  return {
    async letIn(sessionId, scope) {
      const stored = await store.countSessions()
      const tenant = tenantOfScope(scope)
      const refused =
        stored + arriving.size >= maxSessions
          ? `there are ${maxSessions} sessions, as many as max_sessions allows`
          : quotas.refuseSession(tenant)
      if (refused) throw new ForesizeError('overloaded', refused)
      const settled = Promise.withResolvers<void>()
      arriving.set(sessionId, settled)
      quotas.change(countsOfSession(tenant), {}, settled.promise)
    },
    storing(sessionId, stored) {
      const settled = arriving.get(sessionId)
      if (settled === undefined) return
      const left = () => leave(sessionId)
      stored.then(() => {
        settled.resolve()
        left()
      }, left)
    },
    leave,
  }
}
