import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf'
import { BytesValueSchema } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError } from '@connectrpc/connect'
import {
  type Compression,
  compressedFlag,
  compressionNegotiate,
  createAsyncIterable,
  encodeEnvelope,
  pipe,
  readAllBytes,
  transformDecompressEnvelope,
  transformSplitEnvelope,
  type UniversalHandlerFn,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol'
import { compressionGzip } from '@connectrpc/connect-node'
import { messageOf } from '../../shared/domain/errors.ts'
import { inTurns, turn } from '../../shared/runtime/turns.ts'
import { type MessageBounds, messageBounds } from '../../shared/wire/message-bounds.ts'
import { messagePieces, pieceBytes } from '../../shared/wire/message-pieces.ts'
import { bytesOfJson, jsonOfBytes } from './json-messages.ts'

export interface TranslationOptions {
  readonly registry: Registry
  /** Of one message, as it comes and unpacked. */
  readonly maxMessageBytes: number
  /** Unpacks a message of a request within what the call may hold. */
  readonly unpacked: <T extends Uint8Array>(unpack: () => Promise<T>) => Promise<T>
}

/** How the messages of a call are written: JSON or not, with an envelope each or one alone. */
interface Form {
  readonly isJson: boolean
  readonly protocol: 'plain' | 'connect' | 'grpc-web'
  /** The content type of the same call in protobuf. */
  readonly inside: string
}

function formOf(contentType: string): Form | undefined {
  const found = /^application\/(?:(connect|grpc-web)\+?)?(json|proto)?(?:; ?charset=utf-?8)?$/i.exec(
    contentType,
  )
  if (found === null) return undefined
  const protocol = found[1]?.toLowerCase() as 'connect' | 'grpc-web' | undefined
  const isJson = found[2]?.toLowerCase() === 'json'
  const inside = isJson ? contentType.replace(/json.*/i, 'proto') : contentType
  return { isJson, protocol: protocol ?? 'plain', inside }
}

const encodingHeaders = {
  plain: ['content-encoding', 'accept-encoding'],
  connect: ['connect-content-encoding', 'connect-accept-encoding'],
  'grpc-web': ['grpc-encoding', 'grpc-accept-encoding'],
} as const

/** Less is not worth packing. */
const minPackedBytes = 1024

/**
 * Answers a call of any form with a handler that carries bytes. What is large is read and written in turns.
 * Law: a request is held to its bounds before it is read; of its messages no more than one is held.
 */
export function translated(
  handler: UniversalHandlerFn,
  method: DescMethod,
  { registry, maxMessageBytes, unpacked }: TranslationOptions,
): UniversalHandlerFn {
  const isOfMany = method.methodKind === 'client_streaming'

  async function read(bytes: Uint8Array, { isJson }: Form): Promise<Uint8Array> {
    try {
      const value = isJson
        ? await inTurns(bytesOfJson(method.input, bytes, registry, isOfMany ? maxMessageBytes : undefined))
        : await bounded(bytes, method)
      return toBinary(BytesValueSchema, create(BytesValueSchema, { value: Buffer.from(value) }))
    } catch (error) {
      throw new ConnectError(refusalOf(error, method.input), Code.InvalidArgument)
    }
  }

  const held = (packing: Compression): Compression => ({
    ...packing,
    decompress: (bytes, mostBytes) => unpacked(() => packing.decompress(bytes, mostBytes)),
  })

  async function* whole(parts: AsyncIterable<Uint8Array>, form: Form, unpack: Compression | null) {
    const received: Uint8Array[] = []
    let bytes = 0
    for await (const part of parts) {
      bytes += part.byteLength
      if (bytes > maxMessageBytes) throw tooLarge(maxMessageBytes)
      received.push(part)
    }
    const body = Buffer.concat(received)
    yield read(unpack === null ? body : await held(unpack).decompress(body, maxMessageBytes), form)
  }

  async function* enveloped(parts: AsyncIterable<Uint8Array>, form: Form, unpack: Compression | null) {
    const messages = pipe(
      parts,
      transformSplitEnvelope(maxMessageBytes),
      transformDecompressEnvelope(unpack && held(unpack), maxMessageBytes),
    )
    for await (const { flags, data } of messages)
      yield encodeEnvelope(flags, isEnd(flags, form) ? data : await read(data, form))
  }

  return async (request) => {
    const form = formOf(request.header.get('content-type') ?? '')
    const header = new Headers(request.header)
    const names = encodingHeaders[form?.protocol ?? 'plain']
    const [asked, accepted] = names.map((name) => header.get(name)) as [string | null, string | null]
    const packing = compressionNegotiate([compressionGzip], asked, accepted, names[1])
    // What it does not know it refuses by itself.
    if (form === undefined || packing.error !== undefined) return handler(request)
    for (const name of [...names, 'content-length']) header.delete(name)
    header.set('content-type', form.inside)
    const parts = request.body as AsyncIterable<Uint8Array>
    const body = (form.protocol === 'plain' ? whole : enveloped)(parts, form, packing.request)
    const answer = await handler({ ...request, header, body })
    if (answer.body === undefined || answer.header?.get('content-type') !== insideOf(form)) return answer
    const write = form.protocol === 'plain' ? plainAnswer : envelopedAnswer
    return write({ ...answer, body: answer.body }, method.output, form, packing.response)
  }
}

/** Whether an envelope says how a stream ended. */
const isEnd = (flags: number, { protocol }: Form) => (flags & (protocol === 'connect' ? 0x02 : 0x80)) !== 0

/** The content type of an answer in protobuf. */
const insideOf = ({ protocol }: Form) => `application/${protocol === 'plain' ? '' : `${protocol}+`}proto`

type Answer = UniversalServerResponse & { readonly body: AsyncIterable<Uint8Array> }

function headerOf(answer: Answer, { isJson }: Form): Headers {
  const header = new Headers(answer.header)
  if (isJson) header.set('content-type', (header.get('content-type') ?? '').replace('proto', 'json'))
  return header
}

const unwrapped = (bytes: Uint8Array) => fromBinary(BytesValueSchema, bytes).value

const written = async (type: DescMessage, bytes: Uint8Array, { isJson }: Form): Promise<Uint8Array> =>
  isJson ? inTurns(jsonOfBytes(type, bytes)) : bytes

async function plainAnswer(
  answer: Answer,
  type: DescMessage,
  form: Form,
  pack: Compression | null,
): Promise<UniversalServerResponse> {
  const header = headerOf(answer, form)
  let message = await written(type, unwrapped(await readAllBytes(answer.body, maxAnswerBytes)), form)
  if (pack !== null && message.length >= minPackedBytes) {
    header.set(encodingHeaders.plain[0], pack.name)
    message = await pack.compress(message)
  }
  header.set('content-length', String(message.length))
  return { ...answer, header, body: createAsyncIterable([message]) }
}

function envelopedAnswer(
  answer: Answer,
  type: DescMessage,
  form: Form,
  pack: Compression | null,
): UniversalServerResponse {
  const header = headerOf(answer, form)
  if (pack !== null) header.set(encodingHeaders[form.protocol][0], pack.name)
  async function* frames() {
    for await (const { flags, data } of pipe(answer.body, transformSplitEnvelope(maxAnswerBytes))) {
      // What is not a message, but the end of the stream, says how it ended.
      if (flags !== 0) {
        yield encodeEnvelope(flags, data)
        continue
      }
      const message = await written(type, unwrapped(data), form)
      if (pack === null || message.length < minPackedBytes) yield encodeEnvelope(0, message)
      else yield encodeEnvelope(compressedFlag, await pack.compress(message))
    }
  }
  return { ...answer, header, body: frames() }
}

/** As much as an envelope can say. */
const maxAnswerBytes = 0xffff_ffff

const known = new WeakMap<DescMethod, () => MessageBounds>()

async function bounded(bytes: Uint8Array, method: DescMethod): Promise<Uint8Array> {
  const begin = known.get(method) ?? messageBounds(method.input, 'unicode')
  known.set(method, begin)
  const check = begin()
  if (bytes.length <= pieceBytes) check(bytes)
  else
    for (const piece of messagePieces(bytes, method.input)) {
      if (turn.isOver()) await turn.rest()
      check(piece)
    }
  return bytes
}

/** What is repeated of a request is bounded. */
function refusalOf(error: unknown, { typeName }: DescMessage): string {
  const reason = error instanceof Error ? error.message : String(error)
  return messageOf(
    error instanceof SyntaxError ? `cannot decode message ${typeName} from JSON: ${reason}` : reason,
  )
}

const tooLarge = (maxBytes: number) =>
  new ConnectError(`the request is larger than ${maxBytes} bytes`, Code.ResourceExhausted)
