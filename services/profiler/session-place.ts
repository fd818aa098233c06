import { createHash } from 'node:crypto'

/** Clients cannot give it: control characters are refused in a session id. */
const separator = '\u0001'

/**
 * Where a session lies whose id another tenant has taken already: ids are the clients' own, and equal ones of two tenants
 * must not meet.
 */
export function placeApart(sessionId: string, namespaces: readonly string[]): string {
  const tenant = createHash('sha256').update(JSON.stringify(namespaces)).digest('hex').slice(0, 32)
  return `${sessionId}${separator}${tenant}`
}

/** The id as its client gave it. */
export const givenId = (place: string): string => place.split(separator, 1)[0] as string
