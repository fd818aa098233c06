/** The latest changes of a store on one host, as keys: what watchers read from. Bounded; who is too slow starts anew. */
export interface ChangeLog {
  append(key: string): void
  /** Position after the latest change. */
  end(): number
  /** What changed from `position` on, each key once; undefined where that was dropped already. */
  since(position: number): { readonly keys: readonly string[]; readonly position: number } | undefined
  /** Resolves once there is something at or after `position`, when aborted, or after `timeoutMs`. */
  changed(position: number, timeoutMs: number, signal: AbortSignal): Promise<void>
}

export function changeLog(maxEntries: number): ChangeLog {
  let entries: string[] = []
  let first = 0
  const waiting = new Set<() => void>()
  const end = () => first + entries.length

  return {
    append(key) {
      entries.push(key)
      if (entries.length > 2 * maxEntries) {
        first += entries.length - maxEntries
        entries = entries.slice(-maxEntries)
      }
      for (const wake of waiting) wake()
      waiting.clear()
    },
    end,
    since(position) {
      if (position < first || position > end()) return undefined
      return { keys: [...new Set(entries.slice(position - first))], position: end() }
    },
    changed(position, timeoutMs, signal) {
      if (position < end() || signal.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          waiting.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, timeoutMs)
        signal.addEventListener('abort', wake)
        waiting.add(wake)
      })
    },
  }
}
