import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { readJson } from '../../shared/wire/json-steps.ts'
import { jsonText, objectPieces } from '../../shared/wire/json-text.ts'
import { mergePiece, messagePieces } from '../../shared/wire/message-pieces.ts'

/**
 * A message of proto3 JSON as bytes, in steps, between which others may go on. A field that is misspelt is refused by its
 * name, not ignored.
 * Throws: ForesizeError `invalid` where it is beyond its bounds, Error where it is no such message.
 * @param textBytes the longest text in it, where it is not that of any JSON.
 */
export function* bytesOfJson(
  type: DescMessage,
  json: Uint8Array,
  registry: Registry,
  textBytes?: number,
): Generator<undefined, Uint8Array> {
  const value = yield* readJson(json, textBytes)
  const parts: Uint8Array[] = []
  for (const piece of objectPieces(value)) {
    yield
    const message = fromJson(type, piece as JsonValue, { ignoreUnknownFields: false, registry })
    yield
    parts.push(toBinary(type, message))
  }
  // Messages one behind the other are those messages merged.
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
}

/** The bytes of a message as its JSON, in steps. */
export function* jsonOfBytes(type: DescMessage, bytes: Uint8Array): Generator<undefined, Buffer> {
  let value: object | undefined
  for (const piece of messagePieces(bytes, type)) {
    yield
    const message = fromBinary(type, piece)
    yield
    const part = toJson(type, message) as object
    if (value === undefined) value = part
    else mergePiece(value, part)
  }
  const parts: Buffer[] = []
  for (const text of jsonText(value ?? {})) {
    yield
    parts.push(Buffer.from(text))
  }
  return Buffer.concat(parts)
}
