/**
 * Writes messages by hand, where a generated encoder and the messages that it takes would be most of what a call costs. Fields
 * are told by their tags, which are below 128: numbers of fields below 16.
 */
export interface ByteWriter {
  bytes: Buffer
  view: DataView
  /** Where the next byte goes. */
  at: number
}

const firstBytes = 16_384
/** A larger buffer is not kept for the next message. */
const mostKeptBytes = 1_048_576

export const byteWriter = (): ByteWriter => ({ ...bufferOf(firstBytes), at: 0 })

function bufferOf(size: number): Pick<ByteWriter, 'bytes' | 'view'> {
  const buffer = new ArrayBuffer(size)
  return { bytes: Buffer.from(buffer), view: new DataView(buffer) }
}

/** What was written, in bytes of its own. The writer begins anew. */
export function takeWritten(writer: ByteWriter): Buffer {
  const { bytes, at } = writer
  writer.at = 0
  if (at > mostKeptBytes) {
    Object.assign(writer, bufferOf(firstBytes))
    return bytes.subarray(0, at)
  }
  return Buffer.from(bytes.subarray(0, at))
}

function makeRoom(writer: ByteWriter, more: number): void {
  const { bytes, at } = writer
  if (at + more <= bytes.length) return
  Object.assign(writer, bufferOf(2 * (at + more)))
  writer.bytes.set(bytes.subarray(0, at))
}

const mostVarintBytes = 10

/** A whole number from 0. Throws: RangeError of any other. */
export function writeVarint(writer: ByteWriter, tag: number, value: number): void {
  if (!(value >= 0 && Number.isSafeInteger(value))) throw new RangeError(`no whole number from 0: ${value}`)
  makeRoom(writer, 1 + mostVarintBytes)
  writer.bytes[writer.at++] = tag
  putVarint(writer, value)
}

export function writeDouble(writer: ByteWriter, tag: number, value: number): void {
  makeRoom(writer, 9)
  writer.bytes[writer.at] = tag
  writer.view.setFloat64(writer.at + 1, value, true)
  writer.at += 9
}

/** A packed list. */
export function writeDoubles(writer: ByteWriter, tag: number, values: readonly number[]): void {
  const { length } = values
  makeRoom(writer, 1 + mostVarintBytes + 8 * length)
  writer.bytes[writer.at++] = tag
  putVarint(writer, 8 * length)
  const { view } = writer
  let { at } = writer
  for (let i = 0; i < length; i++, at += 8) view.setFloat64(at, values[i] as number, true)
  writer.at = at
}

/** Without a tag: one of a packed list. */
export function writePacked(writer: ByteWriter, value: number): void {
  makeRoom(writer, 8)
  writer.view.setFloat64(writer.at, value, true)
  writer.at += 8
}

export function writeText(writer: ByteWriter, tag: number, text: string): void {
  makeRoom(writer, 1 + mostVarintBytes + 3 * text.length)
  const { bytes } = writer
  bytes[writer.at++] = tag
  if (text.length < 128 && putAscii(writer, text)) return
  putVarint(writer, Buffer.byteLength(text))
  writer.at += bytes.write(text, writer.at)
}

/** Length and text; false, and nothing is written, where it is not all ASCII. */
function putAscii(writer: ByteWriter, text: string): boolean {
  const { bytes } = writer
  let at = writer.at
  bytes[at++] = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    bytes[at++] = code
  }
  writer.at = at
  return true
}

/** What is encoded already. */
export function writeBytes(writer: ByteWriter, encoded: Uint8Array): void {
  makeRoom(writer, encoded.length)
  writer.bytes.set(encoded, writer.at)
  writer.at += encoded.length
}

/** Begins a message within the one that is being written; returns what `endMessage` needs. Its tag may be any. */
export function beginMessage(writer: ByteWriter, tag: number): number {
  makeRoom(writer, 1 + mostVarintBytes)
  if (tag < 0x80) writer.bytes[writer.at++] = tag
  else putVarint(writer, tag)
  writer.at += 1
  return writer.at
}

export function endMessage(writer: ByteWriter, start: number): void {
  const length = writer.at - start
  const more = varintBytes(length) - 1
  if (more > 0) {
    // One byte was left for the length.
    makeRoom(writer, more)
    writer.bytes.copyWithin(start + more, start, writer.at)
  }
  writer.at = start - 1
  putVarint(writer, length)
  writer.at += length
}

/** Takes back a message that was begun, of a tag below 128. */
export function dropMessage(writer: ByteWriter, start: number): void {
  writer.at = start - 2
}

function putVarint(writer: ByteWriter, value: number): void {
  const { bytes } = writer
  let rest = value
  while (rest > 0x7f) {
    bytes[writer.at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[writer.at++] = rest
}

function varintBytes(value: number): number {
  let size = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++
  return size
}
