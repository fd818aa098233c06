/**
 * The one bounded cache: holds at most `limit` values and drops the one used longest ago.
 * A value counts as used when it is set or got. Every operation takes constant time.
 */
export interface RecentlyUsed<T, K = string> {
  get(key: K): T | undefined
  /** Reads without using. */
  peek(key: K): T | undefined
  set(key: K, value: T): void
  delete(key: K): void
  /** The one used longest ago first. Each may be deleted as it comes. */
  entries(): IterableIterator<readonly [key: K, value: T]>
  readonly size: number
}

interface Entry<T, K> {
  readonly key: K
  value: T
  older: Entry<T, K> | undefined
  newer: Entry<T, K> | undefined
}

/**
 * `onDropped` hears of each value that had to make room.
 * The order is a linked list beside the map: a map that is deleted from at its front is scanned from there each time,
 * 9 µs an eviction at 10,000 values where this takes 0.4.
 */
export function recentlyUsed<T, K = string>(
  limit: number,
  onDropped: (key: K, value: T) => void = () => {},
): RecentlyUsed<T, K> {
  const entries = new Map<K, Entry<T, K>>()
  let oldest: Entry<T, K> | undefined
  let newest: Entry<T, K> | undefined

  function unlink({ older, newer }: Entry<T, K>): void {
    if (older === undefined) oldest = newer
    else older.newer = newer
    if (newer === undefined) newest = older
    else newer.older = older
  }

  function append(entry: Entry<T, K>): void {
    entry.older = newest
    entry.newer = undefined
    if (newest === undefined) oldest = entry
    else newest.newer = entry
    newest = entry
  }

  function use(entry: Entry<T, K>): void {
    if (entry === newest) return
    unlink(entry)
    append(entry)
  }

  function remove(entry: Entry<T, K>): void {
    unlink(entry)
    entries.delete(entry.key)
  }

  return {
    get(key) {
      const entry = entries.get(key)
      if (entry !== undefined) use(entry)
      return entry?.value
    },
    peek: (key) => entries.get(key)?.value,
    set(key, value) {
      const known = entries.get(key)
      if (known !== undefined) {
        known.value = value
        use(known)
        return
      }
      const entry: Entry<T, K> = { key, value, older: undefined, newer: undefined }
      entries.set(key, entry)
      append(entry)
      if (entries.size <= limit || oldest === undefined) return
      const dropped = oldest
      remove(dropped)
      onDropped(dropped.key, dropped.value)
    },
    delete(key) {
      const entry = entries.get(key)
      if (entry !== undefined) remove(entry)
    },
    *entries() {
      for (let entry = oldest; entry !== undefined; entry = entry.newer) yield [entry.key, entry.value]
    },
    get size() {
      return entries.size
    },
  }
}
