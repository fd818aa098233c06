/** The values used last, at most `limit`. */
export interface RecentlyUsed<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
  /** The one used longest ago first. */
  values(): Iterable<T>
}

/** `onDropped` hears of each value that had to make room. */
export function recentlyUsed<T>(
  limit: number,
  onDropped: (key: string, value: T) => void = () => {},
): RecentlyUsed<T> {
  const values = new Map<string, T>()
  return {
    get(key) {
      const value = values.get(key)
      if (value !== undefined) {
        values.delete(key)
        values.set(key, value)
      }
      return value
    },
    set(key, value) {
      values.delete(key)
      values.set(key, value)
      if (values.size <= limit) return
      for (const [oldest, dropped] of values) {
        values.delete(oldest)
        onDropped(oldest, dropped)
        return
      }
    },
    delete: (key) => void values.delete(key),
    values: () => values.values(),
  }
}
