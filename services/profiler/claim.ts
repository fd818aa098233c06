import { authorize, authorizeAll, type Principal, scopeOf } from '../../shared/rpc/principal.ts'
import type { Session } from './domain/session.ts'

/** By what right a session is taken. */
export interface Claim {
  /** What the session is for from then on; undefined leaves it as it is. */
  readonly scope: Session['scope']
  /** All that the claimant may use; undefined where that is every one, or nobody was asked. */
  readonly namespaces: readonly string[] | undefined
  /** Throws where the claimant may not have a session in that state: it is left to whoever has it. */
  readonly authorize: (session: Session) => void
}

/**
 * The right of whoever calls to a session: that one may use every namespace that the session is for and every one in
 * which it has executions open.
 */
export function claimOf(principal: Principal, scope: Session['scope']): Claim {
  const all = scopeOf(principal)
  return {
    scope,
    namespaces: all === 'all' ? undefined : all,
    authorize(session) {
      if (session.scope !== undefined) authorizeAll(principal, session.scope)
      for (const { start } of session.open.values()) authorize(principal, start.task.namespace)
    },
  }
}
