/**
 * The names that executions had, of their features or of their labels. Grows in place, by `observeNames` alone.
 * Law: a function of the executions observed.
 */
export interface NamesSeen {
  executions: number
  /** Of names that any execution had, at most `mostNames`, how many had it. */
  readonly counts: Map<string, number>
  /** Whether these are all of them. */
  isComplete: boolean
}

/** Twice what one execution may have. */
const mostNames = 64

export const namesSeen = (): NamesSeen => ({ executions: 0, counts: new Map(), isComplete: true })

export function observeNames(seen: NamesSeen, names: readonly string[]): void {
  const { counts } = seen
  seen.executions++
  for (const name of names) {
    const count = counts.get(name)
    if (count !== undefined || counts.size < mostNames) counts.set(name, (count ?? 0) + 1)
    else seen.isComplete = false
  }
}
