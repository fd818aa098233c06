import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { ForesizeError } from '../domain/errors.ts'
import type { HeldBytes, Holder } from '../runtime/held-bytes.ts'

/** What a client may have under way that nobody has read. HTTP/2 begins with 64 KB: whoever streams sends four batches and waits. */
const wideBytes = 1024 * 1024
/** Connections that may have so much; further ones go on as they began. */
const mostWide = 32
/** Those of which one stream brings so much within so long. */
const fast = { bytes: 256 * 1024, ms: 1000 }

export interface ReceiveWindows {
  /** Watches a call whose requests are a stream: its connection becomes wide once they come fast. */
  watch(call: ServerInterceptingCallInterface, holders: readonly Holder[]): void
}

/**
 * Windows of the connections of one server.
 * Law: what is wide counts as held until its connection closes, and is no more than `mostWide` connections.
 */
export function receiveWindows(budget: HeldBytes, nowMs = () => performance.now()): ReceiveWindows {
  const wide = new WeakSet<Http2Session>()
  let count = 0

  const hasRoom = (holders: readonly Holder[]): boolean => {
    try {
      budget.require(holders, wideBytes)
      return true
    } catch (error) {
      if (error instanceof ForesizeError) return false
      throw error
    }
  }

  function widen(session: Http2Session | undefined, holders: readonly Holder[]): void {
    if (session === undefined || session.destroyed || wide.has(session)) return
    if (count >= mostWide || !hasRoom(holders)) return
    wide.add(session)
    count += 1
    budget.add(holders, wideBytes)
    session.once('close', () => {
      count -= 1
      budget.add(holders, -wideBytes)
    })
    session.setLocalWindowSize(wideBytes)
    session.settings({ initialWindowSize: wideBytes })
  }

  return {
    watch(call, holders) {
      const { stream } = call as unknown as { readonly stream: ServerHttp2Stream }
      let sinceMs = nowMs()
      let bytes = 0
      stream.on('data', function count(frame: Buffer) {
        bytes += frame.length
        if (bytes < fast.bytes) return
        const isFast = nowMs() - sinceMs < fast.ms
        sinceMs = nowMs()
        bytes = 0
        if (!isFast) return
        stream.off('data', count)
        widen(stream.session, holders)
      })
    },
  }
}
