/** Answers by question, in two generations: what was not asked for while a generation filled is forgotten. */
export interface AnswerCache<T> {
  /** The answer and its age, whatever its age. */
  get(key: string): { readonly value: T; readonly ageMs: number } | undefined
  set(key: string, value: T): void
  /** At most `maxEntries`. */
  readonly size: number
}

export function createAnswerCache<T>(maxEntries: number, monotonicMs: () => number): AnswerCache<T> {
  type Entry = { readonly value: T; readonly atMs: number }
  const generationSize = Math.max(1, Math.floor(maxEntries / 2))
  let young = new Map<string, Entry>()
  let old = new Map<string, Entry>()

  function put(key: string, entry: Entry): void {
    if (young.size >= generationSize && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, entry)
    old.delete(key)
  }

  return {
    get(key) {
      let entry = young.get(key)
      if (entry === undefined) {
        entry = old.get(key)
        if (entry === undefined) return undefined
        put(key, entry)
      }
      return { value: entry.value, ageMs: monotonicMs() - entry.atMs }
    },
    set: (key, value) => put(key, { value, atMs: monotonicMs() }),
    get size() {
      return young.size + old.size
    },
  }
}
