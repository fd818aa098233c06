import type { DescMessage } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** A piece is no larger, but for an entry of a list or a value that is so by itself. */
export const pieceBytes = 32 * 1024

/** Nor has it more fields: entries of two bytes each take as long to decode as any. */
const pieceFields = 1024

/**
 * Cuts an encoded message into messages of its type, to be decoded in several turns.
 * Law: the pieces, merged, are the message.
 * Throws: Error where the bytes are not well formed.
 * @param type where it is given, messages within the message are cut as well.
 */
export function* messagePieces(bytes: Uint8Array, type?: DescMessage): Generator<Uint8Array> {
  if (bytes.length <= pieceBytes) {
    yield bytes
    return
  }
  const fieldOf = new Map(type?.fields.map((field) => [field.number, field]))
  const reader = new BinaryReader(bytes)
  let from = 0
  let fields = 0
  while (reader.pos < reader.len) {
    const start = reader.pos
    const [number, wireType] = reader.tag()
    const field = fieldOf.get(number)
    if (field?.fieldKind === 'message' && wireType === WireType.LengthDelimited) {
      const content = reader.bytes()
      if (content.length > pieceBytes) {
        if (start > from) yield bytes.subarray(from, start)
        for (const piece of messagePieces(content, field.message)) yield asField(number, piece)
        from = reader.pos
        fields = 0
      }
    } else reader.skip(wireType, number)
    fields += 1
    if (reader.pos - from >= pieceBytes || fields >= pieceFields) {
      yield bytes.subarray(from, reader.pos)
      from = reader.pos
      fields = 0
    }
  }
  if (from < reader.len) yield bytes.subarray(from)
}

const asField = (number: number, content: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(content).finish()

type Fields = Record<string, unknown>

/** The message that pieces come to, a piece a step; undefined of none. Throws what `read` does. */
export function* mergedSteps<P, M extends object>(
  pieces: Iterable<P>,
  read: (piece: P) => M,
): Generator<undefined, M | undefined> {
  let message: M | undefined
  for (const piece of pieces) {
    yield
    const part = read(piece)
    if (message === undefined) message = part
    else mergePiece(message, part)
  }
  return message
}

/** Adds what a later piece of a message holds, as protobuf merges. What a piece leaves out is decoded to its default. */
export function mergePiece(message: object, piece: object): void {
  const into = message as Fields
  for (const [name, value] of Object.entries(piece)) {
    const before = Object.hasOwn(into, name) ? into[name] : undefined
    if (Array.isArray(value) && Array.isArray(before)) for (const entry of value) before.push(entry)
    else if (isMessage(value) && isMessage(before) && value['$case'] === before['$case']) {
      mergePiece(before, value)
    } else if (before === undefined || !isDefault(value)) into[name] = value
  }
}

const isMessage = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)

const isDefault = (value: unknown) =>
  value === undefined || value === 0 || value === '' || value === false || isEmptyBytes(value)

const isEmptyBytes = (value: unknown) => ArrayBuffer.isView(value) && value.byteLength === 0
