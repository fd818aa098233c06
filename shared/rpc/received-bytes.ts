import type { ServerHttp2Stream } from 'node:http2'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { ForesizeError } from '../domain/errors.ts'
import type { HeldBytes, Holder } from '../runtime/held-bytes.ts'

/** What a call costs beside its messages, roughly: its stream, its handler, their buffers. */
const callBytes = 16 * 1024

/** The bytes that one call holds: itself, and the message that it is receiving. */
export interface ReceivedBytes {
  /** A whole message was handed on. */
  message(): void
}

/**
 * Counts what a call holds until its stream closes. grpc-js shows an interceptor whole messages only, so that the frames
 * before are counted on the stream beneath.
 * Throws: ForesizeError `overloaded` where there is no room for the call itself.
 * @param maxMessageBytes of one message; beyond it and beyond the budget `refuse` is called, once.
 */
export function receivedBytes(
  call: ServerInterceptingCallInterface,
  budget: HeldBytes,
  holders: readonly Holder[],
  maxMessageBytes: number,
  refuse: (error: unknown) => void,
): ReceivedBytes {
  const { stream } = call as unknown as { readonly stream: ServerHttp2Stream }
  budget.require(holders, callBytes)
  budget.add(holders, callBytes)
  let pending = 0
  let isRefused = false
  stream.on('data', (frame: Buffer) => {
    if (isRefused) return
    pending += frame.length
    budget.add(holders, frame.length)
    try {
      if (pending > maxMessageBytes) {
        throw new ForesizeError('overloaded', `messages of this call are at most ${maxMessageBytes} bytes`)
      }
      budget.require(holders, 0)
    } catch (error) {
      isRefused = true
      refuse(error)
      // What still comes is read and dropped: left unread it would use up the window of the whole connection.
      stream.resume()
    }
  })
  stream.once('close', () => {
    budget.add(holders, -callBytes - pending)
    pending = 0
  })
  return {
    message() {
      budget.add(holders, -pending)
      pending = 0
    },
  }
}
