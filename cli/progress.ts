export interface Progress {
  /** Redraws the line; where there is no terminal, prints it now and then. */
  update(line: string): void
  /** A line that stays. */
  say(line: string): void
  end(): void
}

/** Takes a terminal back to the beginning of its line, and empties it. */
export const clearLine = '\r\u001b[K'

/** Between two lines where there is no terminal to redraw one. */
const plainIntervalMs = 5000

export function createProgress(
  out: (text: string) => void,
  isTerminal: boolean,
  columns: () => number,
): Progress {
  let shownMs = Number.NEGATIVE_INFINITY
  let current = ''
  const clear = isTerminal ? clearLine : ''
  return {
    update(line) {
      current = [...line].slice(0, Math.max(20, columns() - 1)).join('')
      if (isTerminal) out(`${clear}${current}`)
      else if (performance.now() - shownMs >= plainIntervalMs) {
        shownMs = performance.now()
        out(`${line}\n`)
      }
    },
    say(line) {
      out(`${clear}${line}\n${isTerminal ? current : ''}`)
    },
    end() {
      out(clear)
    },
  }
}
