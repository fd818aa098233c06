/**
 * The names that executions had, of their features or of their labels.
 * Law: a function of the executions observed.
 */
export interface NamesSeen {
  readonly executions: number
  /** Names that any execution had, at most `mostNames`. */
  readonly ever: ReadonlySet<string>
  /** Names that every execution had. */
  readonly always: ReadonlySet<string>
  /** Whether `ever` is all of them. */
  readonly isComplete: boolean
}

export interface NamesCounter extends NamesSeen {
  observe(names: readonly string[]): void
}

/** Twice what one execution may have. */
const mostNames = 64

export function namesCounter(): NamesCounter {
  const ever = new Set<string>()
  const always = new Set<string>()
  let executions = 0
  let isComplete = true
  return {
    ever,
    always,
    get executions() {
      return executions
    },
    get isComplete() {
      return isComplete
    },
    observe(names) {
      if (executions++ === 0) for (const name of names) always.add(name)
      else for (const name of always) if (!names.includes(name)) always.delete(name)
      for (const name of names) {
        if (ever.size < mostNames) ever.add(name)
        else if (!ever.has(name)) isComplete = false
      }
    },
  }
}
