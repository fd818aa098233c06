import { createHash } from 'node:crypto'

/** File systems allow 255 bytes; a suffix and a temporary's prefix need some. */
const longest = 180

/**
 * A name as a file: readable, one to one, on file systems that ignore case as well (`^a` is `A`). One that is too long
 * ends in `~` and a hash and does not say what it stands for.
 */
export function toFileName(name: string): string {
  let text = ''
  for (const character of name) {
    if (/^[a-z0-9_-]$/.test(character) || (character === '.' && text !== '')) text += character
    else if (/^[A-Z]$/.test(character)) text += `^${character.toLowerCase()}`
    else for (const byte of Buffer.from(character)) text += `%${byte.toString(16).padStart(2, '0')}`
  }
  if (text.length <= longest) return text === '' ? '%' : text
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32)
  return `${text.slice(0, longest - 40).replace(/[%^].?$/, '')}~${hash}`
}

/** undefined where the name was too long to tell. */
export function fromFileName(text: string): string | undefined {
  if (text === '%') return ''
  if (text.includes('~')) return undefined
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (character === '%') {
      bytes.push(Number.parseInt(text.slice(i + 1, i + 3), 16))
      i += 2
    } else if (character === '^') {
      bytes.push(
        text
          .charAt(i + 1)
          .toUpperCase()
          .charCodeAt(0),
      )
      i += 1
    } else bytes.push(character.charCodeAt(0))
  }
  return Buffer.from(bytes).toString()
}
