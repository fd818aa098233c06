import { isUtf8 } from 'node:buffer'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const replacement = '\ufffd'
const halfPair = '\ud800'

/**
 * The text of bytes that others sent. What is not UTF-8 becomes half a surrogate pair, which no field takes: as U+FFFD, as
 * decoders read it, two names would be one.
 */
export function utf8Text(bytes: Uint8Array): string {
  const text = decoder.decode(bytes)
  return text.includes(replacement) && !isUtf8(bytes) ? text.replaceAll(replacement, halfPair) : text
}
