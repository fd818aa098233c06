import { HistoryError, type HistoryReader } from './history.ts'

/** Characters of one element. */
const maxElementLength = 16 * 2 ** 20

const [quote, backslash, colon, comma, newline, space] = [0x22, 0x5c, 0x3a, 0x2c, 0x0a, 0x20]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]

/**
 * Gives the elements of the array `name` of a JSON object, as their text and the line they begin in, as they come: the
 * object may be larger than memory. `JSON.parse` reads each; only where it ends is found here.
 */
export function jsonElements(
  name: string,
  each: (text: string, line: number) => void,
  end: (isWhole: boolean, line: number) => void,
): HistoryReader {
  let line = 1
  let depth = 0
  let isInString = false
  let isEscaped = false
  /** Of the outermost object: the latest string, as far as it may be `name`, which is a key where a colon follows. */
  let latest = ''
  let key = ''
  let element: { text: string; readonly line: number } | undefined
  const append = (part: string) => {
    latest = (latest + part).slice(0, name.length + 1)
  }

  return {
    write(text) {
      let elementFrom = 0
      let stringFrom = 0
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        if (code === newline) line++
        if (isInString) {
          if (isEscaped) isEscaped = false
          else if (code === backslash) isEscaped = true
          else if (code === quote) {
            isInString = false
            if (depth === 1) append(text.slice(stringFrom, at))
          }
          continue
        }
        if (depth === 2 && key === name) {
          const isEnd = code === comma || code === closeArray || code === closeObject
          if (isEnd && element !== undefined) {
            each(element.text + text.slice(elementFrom, at), element.line)
            element = undefined
          } else if (!isEnd && element === undefined && code > space) {
            element = { text: '', line }
            elementFrom = at
          }
        }
        switch (code) {
          case quote:
            isInString = true
            stringFrom = at + 1
            if (depth === 1) latest = ''
            break
          case colon:
            if (depth === 1) key = latest
            break
          case openObject:
          case openArray:
            depth++
            break
          case closeObject:
          case closeArray:
            depth--
        }
      }
      if (isInString && depth === 1) append(text.slice(stringFrom))
      if (element === undefined) return
      element.text += text.slice(elementFrom)
      if (element.text.length > maxElementLength) {
        throw new HistoryError(`line ${element.line}: an entry is longer than ${maxElementLength} characters`)
      }
    },
    end: () => end(depth === 0, element?.line ?? line),
  }
}
