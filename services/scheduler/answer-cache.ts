/** Answers by question, the least recently used forgotten first. */
export interface AnswerCache<T> {
  /** The answer and its age, whatever its age. */
  get(key: string): { readonly value: T; readonly ageMs: number } | undefined
  set(key: string, value: T): void
  readonly size: number
}

export function createAnswerCache<T>(maxEntries: number, monotonicMs: () => number): AnswerCache<T> {
  const entries = new Map<string, { readonly value: T; readonly atMs: number }>()
  return {
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return { value: entry.value, ageMs: monotonicMs() - entry.atMs }
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, { value, atMs: monotonicMs() })
      if (entries.size > maxEntries) entries.delete(entries.keys().next().value as string)
    },
    get size() {
      return entries.size
    },
  }
}
