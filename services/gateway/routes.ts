import type { DescMethod, DescMethodUnary, DescService, FileRegistry, Message } from '@bufbuild/protobuf'
import type { ConnectRouter, HandlerContext, MethodImpl } from '@connectrpc/connect'
import { ConfigError } from '../../shared/runtime/config-error.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { peerOf } from './admission.ts'
import type { ForwardedCall, Upstream } from './upstream.ts'

export interface RouteSettings {
  /** A unary call is given up after so long, unless its caller asks for less. */
  readonly maxCallMs: number
  /** The same for a stream of requests, which also has to arrive. */
  readonly receiveTimeoutMs: number
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

/** Throws: ConfigError where the service has no such method. */
export function unaryMethodOf(service: DescService, name: string): DescMethodUnary {
  const isIt = (method: DescMethod): method is DescMethodUnary =>
    method.name === name && method.methodKind === 'unary'
  const method = service.methods.find(isIt)
  if (method === undefined) throw new ConfigError(`${service.typeName} has no ${name}`)
  return method
}

/** Its requests pass one by one: at most one of them is held. */
export const isOfManyRequests = ({ methodKind }: DescMethod): boolean => methodKind === 'client_streaming'

const encodingHeaders = ['content-encoding', 'connect-content-encoding', 'grpc-encoding'] as const

/** Whether what a call holds of its request cannot be told from the bytes that arrive. */
export function isOfUnknownSize({ method, requestHeader }: HandlerContext): boolean {
  const isPlain = (name: string) => (requestHeader.get(name) ?? 'identity') === 'identity'
  return isOfManyRequests(method) || !encodingHeaders.every(isPlain)
}

/**
 * Every method of the services under its name in the contract, but those that stream both ways: HTTP/1.1 cannot.
 * Requests and answers are read and written by the contract's descriptors; what they mean is the services' to say.
 * @param stopping aborted when the gateway stops: streams end, so that they are resumed elsewhere.
 */
export function addRoutes(
  router: ConnectRouter,
  routes: readonly Route[],
  settings: RouteSettings,
  stopping: AbortSignal,
): void {
  for (const { service, upstream } of routes) {
    for (const method of service.methods) {
      const handler = handlerOf(method, upstream, settings, stopping)
      if (handler !== undefined) router.rpc(method, handler as MethodImpl<DescMethod>)
    }
  }
}

function handlerOf(
  method: DescMethod,
  upstream: Upstream,
  { maxCallMs, receiveTimeoutMs }: RouteSettings,
  stopping: AbortSignal,
) {
  switch (method.methodKind) {
    case 'unary':
      // To read a message and to write it are turns of their own.
      return async (request: Message, context: HandlerContext) => {
        await turn.rest()
        const answer = await upstream.unary(forwarded(method, context, maxCallMs), request)
        await turn.rest()
        return answer
      }
    case 'client_streaming':
      return (requests: AsyncIterable<Message>, context: HandlerContext) =>
        upstream.clientStream(forwarded(method, context, receiveTimeoutMs + maxCallMs), requests)
    case 'server_streaming':
      return (request: Message, context: HandlerContext) => {
        const signal = AbortSignal.any([context.signal, stopping])
        return upstream.serverStream({ ...forwarded(method, context), signal }, request)
      }
    case 'bidi_streaming':
      return undefined
  }
}

function forwarded(method: DescMethod, context: HandlerContext, maxMs?: number): ForwardedCall {
  const given = [context.timeoutMs(), maxMs].filter((ms) => ms !== undefined)
  return {
    method,
    header: context.requestHeader,
    peer: context.values.get(peerOf),
    timeoutMs: given.length === 0 ? undefined : Math.min(...given),
    signal: context.signal,
  }
}
