import { ForesizeError } from '../domain/errors.ts'
import { limits } from './limits.ts'

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const bracket = 0x5b
const brace = 0x7b

/**
 * Holds JSON to `limits.message` before it is parsed.
 * Throws: ForesizeError `invalid`.
 */
export function checkJsonBounds(bytes: Uint8Array): void {
  let objects = 0
  let fields = 1
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) at = endOfString(bytes, at + 1)
    else if (byte === comma) fields += 1
    else if (byte === brace || byte === bracket) objects += 1
  }
  if (objects > limits.message.objects) throw tooMany('objects')
  if (fields > limits.message.fields) throw tooMany('fields')
}

function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === quote) return at
    if (bytes[at] === backslash) at += 1
  }
  return bytes.length
}

const tooMany = (what: 'objects' | 'fields') =>
  new ForesizeError('invalid', `the JSON has more than ${limits.message[what].toLocaleString('en')} ${what}`)
