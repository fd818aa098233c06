import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
} from '@grpc/grpc-js'
import type { Log } from '../runtime/log.ts'
import { principalOf } from './guard.ts'
import type { Principal } from './principal.ts'
import { toServiceError } from './status.ts'

/** What a handler may know of its call. */
export interface CallContext {
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal
  /** Address of the caller, for the log. */
  readonly peer: string
  /** Who calls, as the guard has found. */
  readonly principal: Principal
}

/** The adapters from functions to grpc-js handlers. */
export interface Handlers {
  unary<Req, Res>(
    handle: (request: Req, context: CallContext) => Res | Promise<Res>,
  ): handleUnaryCall<Req, Res>
  /** Reads no further in the source than the caller reads. */
  serverStream<Req, Res>(
    handle: (request: Req, context: CallContext) => AsyncIterable<Res>,
  ): handleServerStreamingCall<Req, Res>
  /** Reads the next message only when the handler asks for it. */
  clientStream<Req, Res>(
    handle: (requests: AsyncIterable<Req>, context: CallContext) => Promise<Res>,
  ): handleClientStreamingCall<Req, Res>
  /** Both; `send` resolves once the caller has room for more. */
  bidi<Req, Res>(
    handle: (
      requests: AsyncIterable<Req>,
      send: (response: Res) => Promise<void>,
      context: CallContext,
    ) => Promise<void>,
  ): handleBidiStreamingCall<Req, Res>
}

export function handlers(log: Log): Handlers {
  return {
    unary: (handle) => (call, callback) => {
      let result: ReturnType<typeof handle>
      try {
        result = handle(call.request, lazyContext(call))
      } catch (error) {
        callback(toServiceError(error, log))
        return
      }
      if (result instanceof Promise) {
        result.then(
          (response) => callback(null, response),
          (error: unknown) => callback(toServiceError(error, log)),
        )
      } else {
        callback(null, result)
      }
    },

    serverStream: (handle) => (call) => {
      const context = openContext(call)
      const run = async () => {
        for await (const response of handle(call.request, context))
          await write(call, response, context.signal)
        call.end()
      }
      run().catch((error: unknown) => endWith(call, error, context, log))
    },

    clientStream: (handle) => (call, callback) => {
      const context = openContext(call)
      handle(requestsOf(call, context.signal), context).then(
        (response) => callback(null, response),
        (error: unknown) => {
          if (!context.signal.aborted) callback(toServiceError(error, log))
        },
      )
    },

    bidi: (handle) => (call) => {
      const context = openContext(call)
      const send = (response: Parameters<typeof call.write>[0]) => write(call, response, context.signal)
      handle(requestsOf(call, context.signal), send, context).then(
        () => call.end(),
        (error: unknown) => endWith(call, error, context, log),
      )
    },
  }
}

interface Cancellable {
  on(event: 'cancelled', listener: () => void): unknown
  getPeer(): string
  readonly metadata: Metadata
  readonly cancelled: boolean
}

function openContext(call: Cancellable): CallContext {
  const abort = new AbortController()
  if (call.cancelled) abort.abort()
  call.on('cancelled', () => abort.abort())
  return { signal: abort.signal, peer: call.getPeer(), principal: principalOf(call.metadata) }
}

/** Most unary handlers answer at once and never look: an AbortController each would cost more than the answer. */
function lazyContext(call: Cancellable): CallContext {
  let context: CallContext | undefined
  const open = () => {
    context ??= openContext(call)
    return context
  }
  return {
    get signal() {
      return open().signal
    },
    get peer() {
      return call.getPeer()
    },
    get principal() {
      return principalOf(call.metadata)
    },
  }
}

/**
 * The requests, the next one read only when it is asked for. Throws where the call was cancelled.
 * Not the stream's own iterator: that one destroys the stream once an error is emitted, which is how a handler's failure is
 * told, and where an answer was still being written its status was never sent: the caller waited for ever.
 * A call that was cut looks like one that ended until, a moment later, it is heard to close.
 */
async function* requestsOf<Req>(call: Readable, signal: AbortSignal): AsyncGenerator<Req> {
  let wake = () => {}
  const hear = () => wake()
  const events = ['readable', 'end', 'close'] as const
  for (const event of events) call.on(event, hear)
  try {
    while (!call.destroyed && !call.readableEnded) {
      const request: Req | null = call.read()
      if (request !== null) yield request
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  } finally {
    for (const event of events) call.off(event, hear)
  }
  await nextTurn()
  signal.throwIfAborted()
}

async function write<Res>(
  call: NodeJS.EventEmitter & { write(response: Res): boolean },
  response: Res,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  if (call.write(response)) return
  await once(call, 'drain', { signal })
}

/** A caller that has gone hears nothing, and its going is no error. */
function endWith(call: NodeJS.EventEmitter, error: unknown, context: CallContext, log: Log): void {
  if (context.signal.aborted) return
  call.emit('error', toServiceError(error, log))
}
