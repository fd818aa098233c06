import { authorize, authorizeAll, type Principal } from '../../shared/rpc/principal.ts'
import type { Session } from './domain/session.ts'
import type { Claim } from './ingestion.ts'

/**
 * The right of whoever calls to a session: that one may use every namespace that the session is for and every one in
 * which it has executions open.
 */
export function claimOf(principal: Principal, scope: Session['scope']): Claim {
  return {
    scope,
    authorize(session) {
      if (session.scope !== undefined) authorizeAll(principal, session.scope)
      for (const { start } of session.open.values()) authorize(principal, start.task.namespace)
    },
  }
}
