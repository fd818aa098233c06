import { type ProfileKey, type ProfileKind, profileKinds } from '../../../shared/domain/profile.ts'

/** One string per key; no part holds a NUL, the edge refuses control characters. */
export function keyString({ namespace, kind, task }: ProfileKey): string {
  return `${namespace}\0${profileKinds.indexOf(kind)}\0${task}`
}

export function parseKey(text: string): ProfileKey {
  const [namespace = '', kind = '0', task = ''] = text.split('\0')
  return { namespace, kind: profileKinds[Number(kind)] as ProfileKind, task }
}

/** Order of UTF-8 bytes, the same on every backend. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
