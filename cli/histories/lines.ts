import { HistoryError, type HistoryReader } from './history.ts'

/** Characters of a line, and of an entry made of several. What is longer is no log. */
export const maxEntryLength = 2 ** 20

/** A reader that is given its text line by line, without line ends. */
export function lines(
  each: (text: string, line: number) => void,
  end: () => void = () => undefined,
): HistoryReader {
  let rest = ''
  let line = 0

  function take(text: string): void {
    line++
    const from = line === 1 && text.startsWith('\uFEFF') ? 1 : 0
    each(text.slice(from, text.endsWith('\r') ? -1 : undefined), line)
  }

  return {
    write(text) {
      let from = 0
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
        take(rest + text.slice(from, at))
        rest = ''
        from = at + 1
      }
      rest += text.slice(from)
      if (rest.length > maxEntryLength) {
        throw new HistoryError(`line ${line + 1} is longer than ${maxEntryLength} characters`)
      }
    },
    end() {
      if (rest !== '') take(rest)
      end()
    },
  }
}
