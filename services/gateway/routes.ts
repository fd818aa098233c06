import type { DescMethod, DescMethodUnary, DescService, FileRegistry } from '@bufbuild/protobuf'
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect'
import { ConfigError } from '../../shared/runtime/config-error.ts'
import { peerOf } from './admission.ts'
import { type BytesHandler, carrying, implementationOf } from './carried-bytes.ts'
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

/**
 * Every method of the services under its name in the contract, but those that stream both ways: HTTP/1.1 cannot.
 * Requests and answers pass as bytes; what they mean is the services' to say.
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
      if (handler !== undefined) router.rpc(carrying(method), implementationOf(handler))
    }
  }
}

function handlerOf(
  method: DescMethod,
  upstream: Upstream,
  { maxCallMs, receiveTimeoutMs }: RouteSettings,
  stopping: AbortSignal,
): BytesHandler | undefined {
  switch (method.methodKind) {
    case 'unary':
      return { unary: (request, context) => upstream.unary(forwarded(method, context, maxCallMs), request) }
    case 'client_streaming':
      return {
        clientStream: (requests, context) =>
          upstream.clientStream(forwarded(method, context, receiveTimeoutMs + maxCallMs), requests),
      }
    case 'server_streaming':
      return {
        serverStream(request, context) {
          const signal = AbortSignal.any([context.signal, stopping])
          return upstream.serverStream({ ...forwarded(method, context), signal }, request)
        },
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
