import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders } from 'node:http2'

/** Node's timers go no further: one that is set beyond it fires at once. */
export const longestTimerMs = 2 ** 31 - 1

const msOf: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

export const grpcTimeoutHeader = 'grpc-timeout'

/** Whether no timer can hold the time of this header, such as `99999999H`. */
export function isEndless(grpcTimeout: string): boolean {
  const [, count = 0, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(grpcTimeout) ?? []
  return Number(count) * (msOf[unit] ?? 0) > longestTimerMs
}

const streams = 'http2.server.stream.created'

/**
 * Takes such timeouts out of the headers of all calls that come to this process: grpc-js reads the lower 32 bits of one, so
 * that the time of a caller that would wait for a month is over at once. That one waits as long as may be.
 * Returns what ends it.
 */
export function dropEndlessTimeouts(): () => void {
  const drop = (message: unknown) => {
    const { headers } = message as { readonly headers: IncomingHttpHeaders }
    const timeout = headers[grpcTimeoutHeader]
    if (typeof timeout === 'string' && isEndless(timeout)) delete headers[grpcTimeoutHeader]
  }
  subscribe(streams, drop)
  return () => {
    unsubscribe(streams, drop)
  }
}
