import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { ForesizeError } from '../domain/errors.ts'
import { type HeldBytes, type Holder, heldBytes } from '../runtime/held-bytes.ts'

/** What a client may have under way that nobody has read. HTTP/2 begins with 64 KB: whoever streams sends four batches and waits. */
const wideBytes = 1024 * 1024
/** So much in all, in one process, and half of it for one peer or one tenant: further connections go on as they began. */
const places = { maxHeldBytes: 32 * wideBytes, maxHeldShare: 0.5 }
/** Those of which one stream brings so much within so long. */
const fast = { bytes: 256 * 1024, ms: 1000 }

export interface ReceiveWindows {
  /** Watches a call whose requests are a stream: its connection becomes wide once they come fast. */
  watch(call: ServerInterceptingCallInterface, holders: readonly Holder[]): void
}

/**
 * Windows of the connections of one server.
 * Law: what is wide counts as held until its connection closes, and is no more than `places`.
 */
export function receiveWindows(budget: HeldBytes, nowMs = () => performance.now()): ReceiveWindows {
  const wide = new WeakSet<Http2Session>()
  const budgets = [budget, heldBytes(places)]

  function hasRoom(holders: readonly Holder[]): boolean {
    try {
      for (const each of budgets) each.require(holders, wideBytes)
      return true
    } catch (error) {
      if (error instanceof ForesizeError) return false
      throw error
    }
  }

  const hold = (holders: readonly Holder[], bytes: number): void => {
    for (const each of budgets) each.add(holders, bytes)
  }

  /** Whether it is wide. */
  function widen(session: Http2Session | undefined, holders: readonly Holder[]): boolean {
    if (session === undefined || session.destroyed) return false
    if (wide.has(session)) return true
    if (!hasRoom(holders)) return false
    wide.add(session)
    hold(holders, wideBytes)
    session.once('close', () => hold(holders, -wideBytes))
    session.setLocalWindowSize(wideBytes)
    session.settings({ initialWindowSize: wideBytes })
    return true
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
        if (isFast && widen(stream.session, holders)) stream.off('data', count)
      })
    },
  }
}
