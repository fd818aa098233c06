import { once } from 'node:events'
import type { DescMethod } from '@bufbuild/protobuf'
import { Client, connectivityState, Metadata, type ServiceError } from '@grpc/grpc-js'
import { type ClientSettings, channelCredentials, clientOptionsFor } from '../../shared/rpc/client.ts'
import { currentTraceparent } from '../../shared/runtime/tracing.ts'
import { connectErrorOf } from './errors.ts'

/** A call as its caller made it. */
export interface ForwardedCall {
  readonly method: DescMethod
  readonly header: Headers
  /** The caller's address, without its port. */
  readonly peer: string
  /** From now; undefined: as long as the caller stays. */
  readonly timeoutMs: number | undefined
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal
}

/**
 * One of the services, over gRPC: balanced, reconnected and encrypted as every client of it. Messages pass as their bytes.
 * Law: every call rejects with a ConnectError alone.
 */
export interface Upstream {
  readonly name: string
  unary(call: ForwardedCall, request: Uint8Array): Promise<Uint8Array>
  /** Reads no further in the service than its caller reads. */
  serverStream(call: ForwardedCall, request: Uint8Array): AsyncIterable<Uint8Array>
  /** Reads the next request only when the service has room for it. */
  clientStream(call: ForwardedCall, requests: AsyncIterable<Uint8Array>): Promise<Uint8Array>
  close(): void
}

/** Headers that go on to the service: who calls, and in which trace. */
const forwardedHeaders = ['authorization', 'traceparent', 'tracestate'] as const

/** @param name for messages, such as `estimator`. Throws: ConfigError where a certificate cannot be used. */
export function openUpstream(name: string, settings: ClientSettings): Upstream {
  const client = new Client(settings.target, channelCredentials(settings), clientOptionsFor(settings))
  const isConnected = () => client.getChannel().getConnectivityState(false) === connectivityState.READY
  const failure = (error: unknown, { signal }: ForwardedCall) =>
    connectErrorOf(error as ServiceError, { name, isConnected: isConnected(), signal })

  return {
    name,
    unary(call, request) {
      const { path, serialize, deserialize, metadata, options } = parts(call)
      return new Promise((resolve, reject) => {
        const going = client.makeUnaryRequest(
          path,
          serialize,
          deserialize,
          request,
          metadata,
          options,
          (error, response) => {
            release()
            if (error === null && response !== undefined) resolve(response)
            else reject(failure(error, call))
          },
        )
        const release = cancelWith(call.signal, going)
      })
    },

    serverStream(call, request) {
      const { path, serialize, deserialize, metadata, options } = parts(call)
      const going = client.makeServerStreamRequest(path, serialize, deserialize, request, metadata, options)
      const release = cancelWith(call.signal, going)
      async function* messages() {
        try {
          yield* going
        } catch (error) {
          throw failure(error, call)
        } finally {
          release()
          going.cancel()
        }
      }
      return messages()
    },

    async clientStream(call, requests) {
      const { path, serialize, deserialize, metadata, options } = parts(call)
      const ended = Promise.withResolvers<Uint8Array>()
      const going = client.makeClientStreamRequest(
        path,
        serialize,
        deserialize,
        metadata,
        options,
        (error, response) => {
          if (error === null && response !== undefined) ended.resolve(response)
          else ended.reject(failure(error, call))
        },
      )
      const release = cancelWith(call.signal, going)
      // Whoever awaits the answer hears of it; one that comes while requests are read is no unhandled rejection.
      ended.promise.catch(() => undefined)
      try {
        for await (const request of requests) {
          if (!going.write(request)) await Promise.race([once(going, 'drain'), ended.promise])
        }
        going.end()
        return await ended.promise
      } catch (error) {
        going.cancel()
        throw error
      } finally {
        release()
      }
    },

    close: () => client.close(),
  }
}

function parts({ method, header, timeoutMs }: ForwardedCall) {
  const metadata = new Metadata()
  for (const name of forwardedHeaders) {
    const value = header.get(name)
    if (value !== null) metadata.set(name, value)
  }
  const traceparent = currentTraceparent()
  if (traceparent !== undefined) metadata.set('traceparent', traceparent)
  return {
    path: pathOf(method),
    serialize: ({ buffer, byteOffset, byteLength }: Uint8Array) =>
      Buffer.from(buffer, byteOffset, byteLength),
    deserialize: (bytes: Buffer): Uint8Array => bytes,
    metadata,
    options: timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
  }
}

/** Such as `/foresize.v1.EstimatorService/Estimate`. */
export const pathOf = ({ parent, name }: DescMethod): string => `/${parent.typeName}/${name}`

/** Returns what forgets it. */
function cancelWith(signal: AbortSignal, call: { cancel(): void }): () => void {
  const cancel = () => call.cancel()
  if (signal.aborted) cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return () => signal.removeEventListener('abort', cancel)
}
