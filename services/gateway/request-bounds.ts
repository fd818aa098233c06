import { AsyncLocalStorage } from 'node:async_hooks'
import type { DescMethod } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import type { Compression } from '@connectrpc/connect/protocol'
import { compressionGzip } from '@connectrpc/connect-node'
import { checkJsonBounds } from '../../shared/wire/json-bounds.ts'
import { type MessageBounds, messageBounds } from '../../shared/wire/message-bounds.ts'

/**
 * What a request of this method and content type is held to before Connect reads it.
 * Throws: ConnectError `invalid_argument`.
 */
export function requestBounds(method: DescMethod, contentType: string): MessageBounds {
  const bounds = /json/i.test(contentType) ? undefined : boundsOf(method)
  return (bytes) => {
    try {
      if (bounds === undefined) checkJsonBounds(bytes)
      else bounds()(bytes)
    } catch (error) {
      throw new ConnectError((error as Error).message, Code.InvalidArgument)
    }
  }
}

const known = new WeakMap<DescMethod, ReturnType<typeof messageBounds>>()

function boundsOf(method: DescMethod): ReturnType<typeof messageBounds> {
  const bounds = known.get(method) ?? messageBounds(method.input, 'strict')
  known.set(method, bounds)
  return bounds
}

const unpacked = new AsyncLocalStorage<MessageBounds>()

/** Runs a call whose request is held to these bounds when it is unpacked, too. */
export const withBounds = <T>(bounds: MessageBounds, run: () => T): T => unpacked.run(bounds, run)

/** Of Connect's ways to unpack, the one that requests may use. */
export const boundedGzip: Compression = {
  ...compressionGzip,
  async decompress(bytes, readMaxBytes) {
    const plain = await compressionGzip.decompress(bytes, readMaxBytes)
    unpacked.getStore()?.(plain)
    return plain
  },
}

/**
 * The body of a call of one request, once all of it has come and is within its bounds.
 * Throws: ConnectError `resource_exhausted` where it is larger than `maxBytes`.
 */
export async function* boundedBody(
  parts: AsyncIterable<Uint8Array>,
  header: Headers,
  { maxBytes, bounds }: { readonly maxBytes: number; readonly bounds: MessageBounds },
): AsyncGenerator<Uint8Array> {
  const received: Uint8Array[] = []
  let bytes = 0
  for await (const part of parts) {
    bytes += part.byteLength
    if (bytes > maxBytes + envelopeBytes) {
      throw new ConnectError(`the request is larger than ${maxBytes} bytes`, Code.ResourceExhausted)
    }
    received.push(part)
  }
  const body = Buffer.concat(received)
  for (const message of isEnveloped(header) ? plainMessages(body) : isPlain(header) ? [body] : [])
    bounds(message)
  yield body
}

const isEnveloped = (header: Headers) =>
  /^application\/(connect|grpc)/i.test(header.get('content-type') ?? '')

const isPlain = (header: Headers) => (header.get('content-encoding') ?? 'identity') === 'identity'

/** What stands before a message of a stream: flags and its length. */
const envelopeBytes = 5

/** The messages of a stream that are not packed. */
function* plainMessages(body: Buffer): Generator<Uint8Array> {
  for (let at = 0; at + envelopeBytes <= body.length; ) {
    const end = at + envelopeBytes + body.readUInt32BE(at + 1)
    if ((body.readUInt8(at) & 1) === 0) yield body.subarray(at + envelopeBytes, end)
    at = end
  }
}
