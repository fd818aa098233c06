/** At most `length` UTF-16 units and an ellipsis. Never half a surrogate pair, which has no UTF-8. */
export function clipped(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).toWellFormed()}…`
}

/** Controls, formats such as the bidirectional ones, line separators, halves of pairs, and what has no meaning of its own. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu

/**
 * The text with every character written out that is not seen but changes what is, as JSON writes it: `\u202e`. For one
 * line of a terminal, a cell, a page.
 */
export const visible = (text: string): string => text.replace(unseen, writtenOut)

/** The same for lines and JSON: line feeds and tabs stay. */
export const visibleLines = (text: string): string =>
  text.replace(unseen, (character) =>
    character === '\n' || character === '\t' ? character : writtenOut(character),
  )

function writtenOut(character: string): string {
  let text = ''
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
  return text
}

/** A text for a page or a picture in it. */
export const visibleHtml = (text: string): string =>
  visible(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/**
 * A cell as RFC 4180 has it. One that a spreadsheet would run as a formula, in any width of its first character, is kept
 * from that by a leading quote: names come from whoever may report.
 */
export function csvCell(value: string): string {
  const text = visible(value)
  const safe = /^\s*[=+\-@]/.test(text.normalize('NFKC')) ? `'${text}` : text
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
