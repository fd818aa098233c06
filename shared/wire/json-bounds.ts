import { isUtf8 } from 'node:buffer'
import { ForesizeError, invalid } from '../domain/errors.ts'
import { limits } from './limits.ts'
import { utf8Text } from './utf8.ts'

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const bracket = 0x5b
const brace = 0x7b

/**
 * Holds JSON to `limits.message` before it is parsed, and its texts to Unicode: protobuf would write each one that is not
 * well formed in the same way.
 * Throws: ForesizeError `invalid`.
 */
export function checkJsonBounds(bytes: Uint8Array): void {
  let objects = 0
  let fields = 1
  let hasSurrogates = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) {
      const from = ++at
      for (; at < bytes.length && bytes[at] !== quote; at++) {
        if (bytes[at] !== backslash) continue
        hasSurrogates ||= isSurrogate(bytes, at)
        at += 1
      }
      if (at - from > limits.message.textBytes) throw tooLong()
    } else if (byte === comma) fields += 1
    else if (byte === brace || byte === bracket) objects += 1
  }
  if (objects > limits.message.objects) throw tooMany('objects')
  if (fields > limits.message.fields) throw tooMany('fields')
  if (hasSurrogates || !isUtf8(bytes)) checkTexts(JSON.parse(utf8Text(bytes)), '')
}

/** Whether an escape of `\ud800` to `\udfff` begins there, in any case of its letters. */
const isSurrogate = (bytes: Uint8Array, at: number) =>
  bytes[at + 1] === 0x75 && ((bytes[at + 2] ?? 0) | 0x20) === 0x64 && (bytes[at + 3] ?? 0) >= 0x38

function checkTexts(value: unknown, path: string): void {
  if (typeof value === 'string' && !value.isWellFormed()) throw illFormed(path)
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) throw illFormed(path)
    checkTexts(inner, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`)
  }
}

const illFormed = (field: string) => invalid([{ field, description: 'must be well-formed Unicode' }])

const tooLong = () =>
  new ForesizeError(
    'invalid',
    `the JSON has a text of more than ${limits.message.textBytes.toLocaleString('en')} bytes`,
  )

const tooMany = (what: 'objects' | 'fields') =>
  new ForesizeError('invalid', `the JSON has more than ${limits.message[what].toLocaleString('en')} ${what}`)
