import { grpcTimeoutHeader, isEndless, longestTimerMs } from '../../shared/rpc/endless-timeout.ts'

/**
 * Takes a timeout that no timer can hold out of the headers of Connect, gRPC and gRPC-web: such a caller waits as long as
 * may be. What is no timeout is left for the protocol to refuse.
 */
export function dropEndlessTimeout(headers: Headers): void {
  const connectMs = /^\d{1,10}$/.exec(headers.get('connect-timeout-ms') ?? '')?.[0] ?? 0
  if (Number(connectMs) > longestTimerMs) headers.delete('connect-timeout-ms')
  if (isEndless(headers.get(grpcTimeoutHeader) ?? '')) headers.delete(grpcTimeoutHeader)
}
