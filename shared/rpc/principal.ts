import { ForesizeError } from '../domain/errors.ts'
import { defaultNamespace } from '../domain/task.ts'
import type { Inspection } from '../wire/inspection.ts'

/**
 * worker reports; scheduler estimates; estimator follows profiles; operator reads, estimates, exports, imports, deletes.
 */
export const roles = ['worker', 'scheduler', 'estimator', 'operator'] as const

export type Role = (typeof roles)[number]

/** Who calls, and what that one may. */
export interface Principal {
  /** For the log; never the token. */
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly namespaces: ReadonlySet<string> | 'all'
}

/** Every caller of a server without tokens. */
export const anyone: Principal = { name: 'anyone', roles: new Set(roles), namespaces: 'all' }

/** A caller that no guard has let in. */
export const nobody: Principal = { name: 'nobody', roles: new Set(), namespaces: new Set() }

/** An empty namespace is the default one, as on the wire. */
export function mayUse({ namespaces }: Principal, namespace: string): boolean {
  return namespaces === 'all' || namespaces.has(namespace === '' ? defaultNamespace : namespace)
}

/** The namespaces of a token; `all` for one that is bound to none. */
export type Scope = readonly string[] | 'all'

/** What a session is for that this one opens; undefined where no token was asked for. */
export function scopeOf(principal: Principal): Scope | undefined {
  if (principal === anyone) return undefined
  return principal.namespaces === 'all' ? 'all' : [...principal.namespaces].sort()
}

/** Whose share of a quota a caller uses: tokens of the same namespaces share one. Undefined where no token was asked for. */
export function tenantOf(principal: Principal): string | undefined {
  const scope = scopeOf(principal)
  return scope === 'all' ? '*' : scope?.join(',')
}

/** Throws: ForesizeError `forbidden`. */
export function authorize(principal: Principal, namespace: string): void {
  if (!mayUse(principal, namespace)) throw foreign(principal, namespace)
}

/** Throws: ForesizeError `forbidden`. */
export function authorizeAll(principal: Principal, namespaces: readonly string[] | 'all'): void {
  if (namespaces !== 'all') for (const namespace of namespaces) authorize(principal, namespace)
  else if (principal.namespaces !== 'all') {
    throw new ForesizeError('forbidden', `${principal.name} must name its namespaces: it may not use all`)
  }
}

/** For one event or record among others: the others are not harmed. */
export function checkNamespace(
  principal: Principal,
  namespace: string,
  path: string,
  seen: Inspection,
): void {
  if (!mayUse(principal, namespace)) seen.reject(path, `${principal.name} may not use this namespace`)
}

function foreign({ name }: Principal, namespace: string): ForesizeError {
  return new ForesizeError(
    'forbidden',
    `${name} may not use the namespace "${namespace || defaultNamespace}"`,
  )
}
