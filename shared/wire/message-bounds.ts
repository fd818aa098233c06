import { isUtf8 } from 'node:buffer'
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { ForesizeError, invalid } from '../domain/errors.ts'
import { limits } from './limits.ts'

/**
 * Holds an encoded message to `limits.message` before it is decoded: an empty entry of two bytes is decoded to an object of
 * a hundred and more. What passes is well formed as far as its fields go. Of a message that comes in pieces each is given
 * once, in order.
 * Throws: ForesizeError `invalid`, naming the field that is one too many or is not well formed.
 */
export type MessageBounds = (piece: Uint8Array) => void

const nothing = new Uint8Array()

/**
 * Returns what begins with a message.
 * @param type Law: no message of it contains its own type.
 * @param texts `unicode` where the decoder fails at a text that is not UTF-8.
 */
export function messageBounds(type: DescMessage, texts: 'any' | 'unicode' = 'any'): () => MessageBounds {
  const shape = shapeOf(type, '')
  const checksTexts = texts === 'unicode'
  return () => {
    const cursor: Cursor = { checksTexts, bytes: nothing, at: 0, objects: 0, fields: 0, numbers: 0 }
    return (piece) => {
      cursor.bytes = piece
      cursor.at = 0
      check(cursor, piece.length, shape)
    }
  }
}

/** What the check has to know of a message; fields by their number. */
interface Shape {
  readonly path: string
  readonly fields: readonly (ShapeOfField | undefined)[]
}

interface ShapeOfField {
  readonly path: string
  /** Undefined where it is no message. */
  readonly message: Shape | undefined
  /** Of an entry of a map, which is no object of its own. */
  readonly isEntry: boolean
  readonly isList: boolean
  readonly isText: boolean
  /** Bytes of a number of a list; 0 where they vary; undefined where it is no list of numbers. */
  readonly numberBytes: number | undefined
}

function shapeOf(type: DescMessage, path: string): Shape {
  const fields: ShapeOfField[] = []
  for (const field of type.fields)
    fields[field.number] = shapeOfField(field, path === '' ? field.name : `${path}.${field.name}`)
  return { path, fields }
}

function shapeOfField(field: DescField, path: string): ShapeOfField {
  const isList = field.fieldKind === 'list'
  const isText = field.scalar === ScalarType.STRING
  const plain = { path, message: undefined, isEntry: false, isList, isText, numberBytes: undefined }
  switch (field.fieldKind) {
    case 'message':
      return { ...plain, message: shapeOf(field.message, path) }
    case 'map': {
      const value = field.message === undefined ? plain : { ...plain, message: shapeOf(field.message, path) }
      const key = { ...plain, isText: field.mapKey === ScalarType.STRING }
      return { ...plain, isEntry: true, message: { path, fields: [undefined, key, value] } }
    }
    case 'list':
      return field.message === undefined
        ? { ...plain, numberBytes: field.packed ? bytesOfNumber(field.scalar) : undefined }
        : { ...plain, message: shapeOf(field.message, path) }
    default:
      return plain
  }
}

function bytesOfNumber(type: ScalarType | undefined): number {
  switch (type) {
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return 8
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return 4
    default:
      return 0
  }
}

/** Where the check is, and what it has counted. */
interface Cursor {
  readonly checksTexts: boolean
  bytes: Uint8Array
  at: number
  objects: number
  fields: number
  numbers: number
}

/** Wire types; those of groups are not in the contract. */
const varintType = 0
const eightBytesType = 1
const lengthType = 2
const fourBytesType = 5

function check(cursor: Cursor, end: number, shape: Shape): void {
  while (cursor.at < end) {
    const tag = readVarint(cursor, shape)
    const number = tag >>> 3
    if (number === 0) throw malformed(shape)
    const field = shape.fields[number]
    if (field?.numberBytes !== undefined && (tag & 7) !== lengthType) addNumbers(cursor, 1, field)
    else if (++cursor.fields > limits.message.fields) throw tooMany('fields', field ?? shape)
    switch (tag & 7) {
      case varintType:
        readVarint(cursor, field ?? shape)
        break
      case eightBytesType:
        cursor.at += 8
        break
      case fourBytesType:
        cursor.at += 4
        break
      case lengthType: {
        const length = readVarint(cursor, field ?? shape)
        const stop = cursor.at + length
        if (stop > end) throw malformed(field ?? shape)
        if (field !== undefined) checkContent(cursor, stop, field)
        cursor.at = stop
        break
      }
      default:
        throw malformed(field ?? shape)
    }
  }
  if (cursor.at > end) throw malformed(shape)
}

function checkContent(cursor: Cursor, stop: number, field: ShapeOfField): void {
  const { message, isEntry, isList, isText, numberBytes } = field
  if (message !== undefined) {
    if (!isEntry && ++cursor.objects > limits.message.objects) throw tooMany('objects', field)
    const { fields, numbers } = cursor
    check(cursor, stop, message)
    if (!isList) return
    const most = limits.message.entry
    if (cursor.fields - fields > most.fields) throw tooManyOfEntry('fields', field)
    if (cursor.numbers - numbers > most.numbers) throw tooManyOfEntry('numbers', field)
  } else if (numberBytes !== undefined) {
    addNumbers(cursor, numbersUntil(cursor, stop, field, numberBytes), field)
  } else if (isText && cursor.checksTexts && !isUtf8(cursor.bytes.subarray(cursor.at, stop))) {
    throw invalid([{ field: field.path, description: 'must be well-formed Unicode' }])
  }
}

function addNumbers(cursor: Cursor, count: number, field: ShapeOfField): void {
  cursor.numbers += count
  if (cursor.numbers > limits.message.numbers) throw tooMany('numbers', field)
}

/** The lower 32 bits, which is all that tags and lengths are read by. */
function readVarint(cursor: Cursor, within: { readonly path: string }): number {
  let value = 0
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) break
    if (shift < 32) value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value >>> 0
  }
  throw malformed(within)
}

/** Of a packed list, the last of which ends with it. */
function numbersUntil({ bytes, at }: Cursor, stop: number, field: ShapeOfField, numberBytes: number): number {
  if (numberBytes > 0) {
    if ((stop - at) % numberBytes !== 0) throw malformed(field)
    return (stop - at) / numberBytes
  }
  if (stop > at && (bytes[stop - 1] as number) >= 0x80) throw malformed(field)
  let count = 0
  for (let i = at; i < stop; i++) if ((bytes[i] as number) < 0x80) count += 1
  return count
}

function tooManyOfEntry(what: keyof typeof limits.message.entry, { path }: ShapeOfField): ForesizeError {
  const most = limits.message.entry[what].toLocaleString('en')
  return invalid([{ field: path, description: `an entry has more than ${most} ${what}` }])
}

function tooMany(what: 'objects' | 'fields' | 'numbers', { path }: { readonly path: string }): ForesizeError {
  const description = `the message has more than ${limits.message[what].toLocaleString('en')} ${what}`
  return path === '' ? new ForesizeError('invalid', description) : invalid([{ field: path, description }])
}

function malformed({ path }: { readonly path: string }): ForesizeError {
  return path === ''
    ? new ForesizeError('invalid', 'the message is not well formed')
    : invalid([{ field: path, description: 'is not well formed' }])
}
