import { recentlyUsed } from '../runtime/recently-used.ts'

export interface RateLimit {
  /** False where the key has used up its share. */
  take(key: string, nowMs: number): boolean
}

/**
 * A token bucket a key: `perSecond` sustained, as many at once after a pause. 0 means no limit.
 * Law: memory is bounded by `maxKeys`; a key that was forgotten starts with a full bucket.
 */
export function createRateLimit(perSecond: number, maxKeys: number): RateLimit {
  if (perSecond === 0) return { take: () => true }
  const buckets = recentlyUsed<{ left: number; atMs: number }>(maxKeys)
  return {
    take(key, nowMs) {
      let bucket = buckets.get(key)
      if (bucket === undefined) {
        bucket = { left: perSecond, atMs: nowMs }
        buckets.set(key, bucket)
      }
      bucket.left = Math.min(perSecond, bucket.left + ((nowMs - bucket.atMs) / 1000) * perSecond)
      bucket.atMs = nowMs
      if (bucket.left < 1) return false
      bucket.left -= 1
      return true
    },
  }
}
