import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { DescMethod, Registry } from '@bufbuild/protobuf'
import { Code, type ConnectRouter, cors as connectCors, createContextValues } from '@connectrpc/connect'
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol'
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node'
import cors from 'cors'
import { messageOf } from '../../shared/domain/errors.ts'
import { hostOf } from '../../shared/rpc/http-server.ts'
import { isLoopback, splitAddress } from '../../shared/rpc/listener.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { type Admission, type AdmittedCall, admittedCall, peerOf } from './admission.ts'
import { dropEndlessTimeout } from './caller-timeout.ts'
import { type ConsoleOptions, consoleHandler, isOfConsole } from './console-handler.ts'
import { isOfManyRequests } from './routes.ts'
import { translated } from './translation.ts'

export interface RequestHandlerOptions {
  readonly router: ConnectRouter
  readonly admission: Admission
  readonly corsOrigins: readonly string[]
  /** Undefined: any name. */
  readonly allowedHosts: readonly string[] | undefined
  readonly maxMessageBytes: number
  /** Of the contract's messages, for what is repeated in JSON. */
  readonly registry: Registry
  readonly sendTimeoutMs: number
  /** Undefined: it is not served. */
  readonly console: Pick<ConsoleOptions, 'files' | 'isSafe'> | undefined
  readonly isHealthy: () => boolean
  /** Told of every answer, by its HTTP status. */
  readonly onResponse: (status: number) => void
  readonly log: Log
}

/** What a refusal of HTTP's own means here; the Connect router gives these no body. */
const explanations: Readonly<Record<number, string>> = {
  405: 'calls are made by POST',
  415: 'content-type must be application/json, application/proto, application/connect+json, application/connect+proto or one of gRPC-web',
}

/** Calls of the contract, `/healthz`, and the console's pages. */
export function requestHandler(options: RequestHandlerOptions): RequestListener {
  const {
    router,
    admission,
    allowedHosts,
    maxMessageBytes,
    registry,
    sendTimeoutMs,
    isHealthy,
    onResponse,
    log,
  } = options
  const calls = new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
  const answerConsole = options.console && consoleHandler({ ...options.console, admission, sendTimeoutMs })
  const allowOrigins = cors({
    origin: [...options.corsOrigins],
    methods: [...connectCors.allowedMethods],
    allowedHeaders: [...connectCors.allowedHeaders, 'authorization', 'traceparent', 'tracestate'],
    exposedHeaders: [...connectCors.exposedHeaders],
    maxAge: 7200,
  })

  return (request, response) => {
    response.once('finish', () => onResponse(response.statusCode))
    if (!isAllowedHost(request.headers.host, allowedHosts)) {
      const message = `it is not served under the name ${request.headers.host}: see --allowed-hosts`
      refuse(response, 403, Code.PermissionDenied, message)
      return
    }
    allowOrigins(request, response, () => {
      const [path = ''] = (request.url ?? '').split('?', 1)
      const call = calls.get(path)
      if (call !== undefined) void serve(call, request, response)
      else if (path === '/healthz') answerHealth(response)
      else if (answerConsole !== undefined && isOfConsole(path)) answerConsole(path, request, response)
      else refuse(response, 404, Code.Unimplemented, `${path} is no method that can be called here`)
    })
  }

  function answerHealth(response: ServerResponse): void {
    const isServing = isHealthy()
    response
      .writeHead(isServing ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' })
      .end(isServing ? 'ok\n' : 'not serving\n')
  }

  async function serve(
    handler: UniversalHandler,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const peer = hostOf(request)
    const call = admission.open(peer)
    response.once('close', call.close)
    try {
      const values = createContextValues().set(admittedCall, call).set(peerOf, peer)
      const universalRequest = universalRequestFromNodeRequest(request, response, undefined, values)
      dropEndlessTimeout(universalRequest.header)
      const isOfMany = isOfManyRequests(handler.method)
      const translation = {
        registry,
        maxMessageBytes,
        unpacked: unpackedWithin(call, isOfMany, maxMessageBytes),
      }
      const body = received(request, call, isOfMany ? maxMessageBytes : undefined)
      const answer = await translated(handler, methodOf(handler), translation)({ ...universalRequest, body })
      const explanation = answer.body === undefined ? explanations[answer.status] : undefined
      if (explanation !== undefined) refuse(response, answer.status, Code.InvalidArgument, explanation)
      else await universalResponseToNodeResponse(sent(answer, call, response), response)
    } catch (error) {
      if (response.destroyed) return
      log.error({ err: error, path: handler.requestPath }, 'a call failed inside')
      response.destroy()
    }
  }

  /** The answer, each part of it held until the caller has taken it. */
  function sent(
    answer: UniversalServerResponse,
    call: AdmittedCall,
    response: ServerResponse,
  ): UniversalServerResponse {
    const { body } = answer
    if (body === undefined) return answer
    async function* parts(source: AsyncIterable<Uint8Array>) {
      for await (const part of source) {
        call.sending(part.byteLength)
        const timer = setTimeout(() => response.destroy(), sendTimeoutMs)
        try {
          yield part
        } finally {
          clearTimeout(timer)
          call.sent(part.byteLength)
        }
      }
    }
    return { ...answer, body: parts(body) }
  }
}

/** As the contract has it: the router carries bytes. */
function methodOf({ service, method }: UniversalHandler): DescMethod {
  const found = service.methods.find(({ name }) => name === method.name)
  if (found === undefined) throw new Error(`the contract has no ${method.name}`)
  return found
}

/** What one message of a stream is on its way through, at most: as it came, unpacked, parsed an entry at a time, written. */
const messagesAtOnce = 8

/** @param largestOfMany where a stream brings messages, of which one is held, however many come. */
async function* received(
  request: IncomingMessage,
  call: AdmittedCall,
  largestOfMany: number | undefined,
): AsyncGenerator<Uint8Array> {
  if (largestOfMany !== undefined) call.hold(messagesAtOnce * largestOfMany)
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (largestOfMany === undefined) call.receive(part.byteLength)
    yield part
  }
}

/** How large it becomes is known once it is unpacked; as much as it may become is held meanwhile. */
const unpackedWithin =
  (call: AdmittedCall, isOfMany: boolean, maxMessageBytes: number) =>
  async <T extends Uint8Array>(unpack: () => Promise<T>): Promise<T> => {
    const free = call.hold(maxMessageBytes)
    try {
      const plain = await unpack()
      if (!isOfMany) call.receive(plain.byteLength)
      return plain
    } finally {
      free()
    }
  }

/**
 * A page whose name was made to resolve to loopback would be of the gateway's own origin, and CORS would not hold it
 * back. It cannot say that it calls `localhost`.
 */
function isAllowedHost(host: string | undefined, allowed: readonly string[] | undefined): boolean {
  if (allowed === undefined) return true
  const { host: name } = splitAddress(/:\d+$/.test(host ?? '') ? (host ?? '') : `${host}:`)
  return isLoopback(name) || allowed.includes(name)
}

const codeNames: Partial<Record<Code, string>> = {
  [Code.InvalidArgument]: 'invalid_argument',
  [Code.PermissionDenied]: 'permission_denied',
  [Code.Unimplemented]: 'unimplemented',
}

/** As Connect tells an error. */
function refuse(response: ServerResponse, httpStatus: number, code: Code, message: string): void {
  response
    .writeHead(httpStatus, { 'content-type': 'application/json' })
    .end(`${JSON.stringify({ code: codeNames[code], message: messageOf(message) })}\n`)
}
