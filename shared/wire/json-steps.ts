import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { ForesizeError, invalid } from '../domain/errors.ts'
import { limits } from './limits.ts'
import { pieceBytes } from './message-pieces.ts'
import { utf8Text } from './utf8.ts'

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [bracket, bracketEnd, brace, braceEnd] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Bytes looked at in one step. */
const scannedBytes = 64 * 1024

/**
 * Parses JSON in steps, between which others may go on: a list is parsed some entries at a time. First it is held to
 * `limits.message`, and its texts to Unicode: protobuf would write each one that is not well formed in the same way.
 * Law: the value that JSON.parse gives; what that refuses is refused.
 * Throws: ForesizeError `invalid`; SyntaxError where it is no JSON.
 * @param textBytes the longest text, as it is written.
 */
export function* readJson(
  content: Uint8Array,
  textBytes: number = limits.message.textBytes,
): Generator<undefined, unknown> {
  const bytes = withoutMark(content)
  const { lists, hasSurrogates } = yield* scan(bytes, textBytes)
  const isSuspicious = hasSurrogates || !isUtf8(bytes)

  /** @param from the index of the first entry, where it is a part of a list. */
  function parse(text: Uint8Array, path: string, from = 0): unknown {
    if (!isSuspicious) return JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString())
    const value: unknown = JSON.parse(utf8Text(text))
    checkTexts(value, path, from)
    return value
  }

  if (lists.length === 0) return parse(bytes, '')
  const { rest, markOf } = withoutLists(bytes, lists)
  const whole = { value: parse(rest, '') }
  for (const [index, list] of lists.entries()) {
    const entries: unknown[] = []
    for (const part of partsOf(list)) {
      yield
      const inner = Buffer.concat([openList, bytes.subarray(part.from, part.to), closeList])
      const values = parse(inner, list.path.join('.'), entries.length) as unknown[]
      if (values.length === 0) throw new SyntaxError('an entry of a list is missing in JSON')
      for (const value of values) entries.push(value)
    }
    const marked = placeOf(whole.value, list.path)
    // A later key of the same name may have taken its place.
    if (!Array.isArray(marked) || marked[0] !== markOf(index)) continue
    marked.length = 0
    for (const entry of entries) marked.push(entry)
  }
  return whole.value
}

const [openList, closeList] = [Buffer.from('['), Buffer.from(']')]

/** A byte order mark says nothing of UTF-8. */
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

/** A list around which there are objects alone, and that is longer than a piece: where it may be cut. */
interface LongList {
  readonly path: readonly string[]
  /** Of its first entry, and of the bracket behind its last one. */
  readonly from: number
  readonly to: number
  /** Commas between two parts of it. */
  readonly cuts: readonly number[]
}

interface Scanned {
  readonly lists: readonly LongList[]
  readonly hasSurrogates: boolean
}

function* scan(bytes: Uint8Array, textBytes: number): Generator<undefined, Scanned> {
  const lists: LongList[] = []
  /** Brackets and braces that are open. */
  const open: number[] = []
  /** Of the objects around, but for the outermost one. */
  const keys: string[] = []
  let key = ''
  let text = { from: 0, to: 0 }
  /** The outermost list that is open. */
  let list: { path: string[]; from: number; depth: number; cuts: number[] } | undefined
  let [partFrom, entryFrom, entryFields] = [0, 0, 0]
  let [objects, fields, restFields, cutBytes] = [0, 1, 1, 0]
  let hasSurrogates = false
  let restAt = scannedBytes

  const endEntry = (at: number) => {
    if (entryFields > limits.message.entry.fields || at - entryFrom > limits.message.entry.textBytes)
      throw tooLargeAnEntry()
    entryFrom = at + 1
    entryFields = 0
  }

  for (let at = 0; at < bytes.length; at++) {
    if (at >= restAt) {
      restAt = at + scannedBytes
      yield
    }
    switch (bytes[at]) {
      case quote: {
        const from = ++at
        for (; at < bytes.length && bytes[at] !== quote; at++) {
          if (bytes[at] === backslash) {
            hasSurrogates ||= isSurrogate(bytes, at)
            at += 1
          }
          if (at - from > textBytes) break
        }
        if (at - from > textBytes) throw tooLong(textBytes)
        text = { from, to: at }
        break
      }
      case colon:
        if (list === undefined) key = keyIn(bytes, text)
        break
      case comma:
        if (++fields > limits.message.fields) throw tooMany('fields')
        if (list === undefined) restFields += 1
        else if (open.length > list.depth) entryFields += 1
        else {
          endEntry(at)
          if (at - partFrom < pieceBytes) break
          list.cuts.push(at)
          partFrom = at + 1
        }
        break
      case bracket:
      case brace:
        if (++objects > limits.message.objects) throw tooMany('objects')
        if (list === undefined && bytes[at] === bracket) {
          const path = open.length === 0 ? [] : [...keys, key]
          list = { path, from: at + 1, depth: open.length + 1, cuts: [] }
          partFrom = at + 1
          entryFrom = at + 1
          entryFields = 0
        } else if (list === undefined && open.length > 0) keys.push(key)
        open.push(bytes[at] as number)
        break
      case bracketEnd:
      case braceEnd: {
        if (open.pop() !== (bytes[at] === braceEnd ? brace : bracket)) throw unexpected(bytes[at] as number)
        if (list === undefined) keys.pop()
        else if (open.length < list.depth) {
          endEntry(at)
          if (list.cuts.length > 0) {
            lists.push({ ...list, to: at })
            cutBytes += at - list.from
          }
          list = undefined
        }
        break
      }
    }
  }
  const isRestLarge = bytes.length - cutBytes > limits.message.entry.textBytes + textBytes
  if (restFields > limits.message.entry.fields || isRestLarge) throw tooLargeAnEntry()
  return { lists, hasSurrogates }
}

const keyIn = (bytes: Uint8Array, { from, to }: { readonly from: number; readonly to: number }): string =>
  JSON.parse(utf8Text(bytes.subarray(from - 1, to + 1))) as string

/** Whether an escape of `\ud800` to `\udfff` begins there, in any case of its letters. */
const isSurrogate = (bytes: Uint8Array, at: number) =>
  bytes[at + 1] === 0x75 && ((bytes[at + 2] ?? 0) | 0x20) === 0x64 && (bytes[at + 3] ?? 0) >= 0x38

/** The text with a mark for the entries of each list. */
function withoutLists(bytes: Uint8Array, lists: readonly LongList[]) {
  const id = randomUUID()
  const markOf = (index: number) => `${id} ${index}`
  const parts: Uint8Array[] = []
  let from = 0
  for (const [index, list] of lists.entries()) {
    parts.push(bytes.subarray(from, list.from), Buffer.from(`"${markOf(index)}"`))
    from = list.to
  }
  parts.push(bytes.subarray(from))
  return { rest: Buffer.concat(parts), markOf }
}

function* partsOf({ from, to, cuts }: LongList): Generator<{ readonly from: number; readonly to: number }> {
  let begin = from
  for (const end of [...cuts, to]) {
    yield { from: begin, to: end }
    begin = end + 1
  }
}

function placeOf(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function checkTexts(value: unknown, path: string, from = 0): void {
  if (typeof value === 'string' && !value.isWellFormed()) throw illFormed(path)
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) throw illFormed(path)
    checkTexts(
      inner,
      Array.isArray(value) ? `${path}[${from + Number(key)}]` : path === '' ? key : `${path}.${key}`,
    )
  }
}

const illFormed = (field: string) => invalid([{ field, description: 'must be well-formed Unicode' }])

const unexpected = (byte: number) => new SyntaxError(`unexpected ${String.fromCharCode(byte)} in JSON`)

const tooLong = (most: number) =>
  new ForesizeError('invalid', `the JSON has a text of more than ${most.toLocaleString('en')} bytes`)

const tooMany = (what: 'objects' | 'fields') =>
  new ForesizeError('invalid', `the JSON has more than ${limits.message[what].toLocaleString('en')} ${what}`)

const tooLargeAnEntry = () => {
  const { fields, textBytes } = limits.message.entry
  const [most, bytes] = [fields, textBytes].map((number) => number.toLocaleString('en'))
  return new ForesizeError('invalid', `an entry of the JSON has more than ${most} fields or ${bytes} bytes`)
}
