/**
 * Fields of one record of CSV text from `at`, and where the next record begins.
 * Law: a quoted field may hold commas, line breaks and doubled quotes; CR LF ends a record as LF does.
 * Throws: SyntaxError where a quoted field does not end.
 * Source: RFC 4180.
 */
export function readRecord(
  text: string,
  at: number,
): { readonly fields: readonly string[]; readonly next: number } {
  const fields: string[] = []
  let position = at
  for (;;) {
    if (text[position] === '"') {
      const { value, next } = readQuoted(text, position + 1)
      fields.push(value)
      position = next
    } else {
      const end = endOfField(text, position)
      fields.push(text.slice(position, end))
      position = end
    }
    if (text[position] !== ',') break
    position++
  }
  if (text[position] === '\r') position++
  return { fields, next: position + 1 }
}

function readQuoted(text: string, from: number): { readonly value: string; readonly next: number } {
  let value = ''
  let position = from
  for (;;) {
    const quote = text.indexOf('"', position)
    if (quote < 0) throw new SyntaxError('a quoted field does not end')
    value += text.slice(position, quote)
    if (text[quote + 1] !== '"') return { value, next: quote + 1 }
    value += '"'
    position = quote + 2
  }
}

function endOfField(text: string, from: number): number {
  let position = from
  while (position < text.length) {
    const character = text[position]
    if (character === ',' || character === '\n' || character === '\r') break
    position++
  }
  return position
}
