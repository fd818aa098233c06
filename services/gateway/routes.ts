import type { DescMethod, DescService, FileRegistry, Message } from '@bufbuild/protobuf'
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type MethodImpl,
} from '@connectrpc/connect'
import { status } from '@grpc/grpc-js'
import { ConfigError } from '../../shared/runtime/config.ts'
import type { Tracing } from '../../shared/runtime/tracing.ts'
import { peerOf } from './peer.ts'
import type { ForwardedCall, Upstream } from './upstream.ts'

export interface RouteSettings {
  /** A unary call is given up after so long, unless its caller asks for less. */
  readonly maxCallMs: number
  /** The same for a stream of requests, which also has to arrive. */
  readonly receiveTimeoutMs: number
}

export interface RouteParts {
  readonly settings: RouteSettings
  /** Aborted when the gateway stops: streams end, so that they are resumed elsewhere. */
  readonly stopping: AbortSignal
  /** Told of every call that went to a service, when it ends. */
  readonly onEnd: (path: string, code: status, durationMs: number) => void
  readonly tracing: Tracing | undefined
}

/** A service of the contract and where its calls go. */
export interface Route {
  readonly service: DescService
  readonly upstream: Upstream
}

/** Throws: ConfigError where the contract has no such service. */
export function serviceOf(registry: FileRegistry, typeName: string): DescService {
  const service = registry.getService(typeName)
  if (service === undefined) throw new ConfigError(`the contract has no ${typeName}`)
  return service
}

/**
 * Every method of the services under its name in the contract, but those that stream both ways: HTTP/1.1 cannot.
 * Requests and answers are read and written by the contract's descriptors; what they mean is the services' to say.
 */
export function addRoutes(router: ConnectRouter, routes: readonly Route[], parts: RouteParts): void {
  for (const { service, upstream } of routes) {
    for (const method of service.methods) {
      const handler = handlerOf(method, upstream, parts)
      if (handler !== undefined) router.rpc(method, handler as MethodImpl<DescMethod>)
    }
  }
}

function handlerOf(
  method: DescMethod,
  upstream: Upstream,
  { settings, stopping, onEnd, tracing }: RouteParts,
) {
  const { maxCallMs, receiveTimeoutMs } = settings
  const path = `/${method.parent.typeName}/${method.name}`

  /** Opens the span and the count of one call; what it returns ends both. */
  function begin(context: HandlerContext) {
    const startMs = performance.now()
    const traceparent = context.requestHeader.get('traceparent') ?? undefined
    const span = tracing?.begin(path, traceparent, context.values.get(peerOf))
    return {
      run: <T>(work: () => T): T => (span === undefined ? work() : span.run(work)),
      end(error?: unknown) {
        const code = error === undefined ? status.OK : codeOf(error)
        span?.end(code, error instanceof ConnectError ? error.rawMessage : '')
        onEnd(path, code, performance.now() - startMs)
      },
    }
  }

  async function answered<T>(context: HandlerContext, work: () => Promise<T>): Promise<T> {
    const call = begin(context)
    try {
      const answer = await call.run(work)
      call.end()
      return answer
    } catch (error) {
      call.end(error)
      throw error
    }
  }

  switch (method.methodKind) {
    case 'unary':
      return (request: Message, context: HandlerContext) =>
        answered(context, () => upstream.unary(forwarded(method, context, maxCallMs), request))
    case 'client_streaming':
      return (requests: AsyncIterable<Message>, context: HandlerContext) =>
        answered(context, () =>
          upstream.clientStream(forwarded(method, context, receiveTimeoutMs + maxCallMs), requests),
        )
    case 'server_streaming':
      return async function* (request: Message, context: HandlerContext) {
        const signal = AbortSignal.any([context.signal, stopping])
        const call = begin(context)
        let failure: unknown
        try {
          yield* call.run(() =>
            upstream.serverStream(
              { ...forwarded(method, context, Number.POSITIVE_INFINITY), signal },
              request,
            ),
          )
        } catch (error) {
          failure = error
          throw error
        } finally {
          call.end(failure ?? (signal.aborted ? signal.reason : undefined))
        }
      }
    case 'bidi_streaming':
      return undefined
  }
}

function forwarded(method: DescMethod, context: HandlerContext, maxMs: number): ForwardedCall {
  const timeoutMs = Math.min(context.timeoutMs() ?? Number.POSITIVE_INFINITY, maxMs)
  return {
    method,
    header: context.requestHeader,
    timeoutMs: timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs,
    signal: context.signal,
  }
}

function codeOf(error: unknown): status {
  return ConnectError.from(error, Code.Unknown).code as number as status
}
