/** Node's timers go no further: one that is set beyond it fires at once. */
const longestTimerMs = 2 ** 31 - 1

const msOf: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/**
 * Takes a timeout that no timer can hold out of the headers of Connect, gRPC and gRPC-web: such a caller waits as long as
 * may be. What is no timeout is left for the protocol to refuse.
 */
export function dropEndlessTimeout(headers: Headers): void {
  const connectMs = /^\d{1,10}$/.exec(headers.get('connect-timeout-ms') ?? '')?.[0] ?? 0
  if (Number(connectMs) > longestTimerMs) headers.delete('connect-timeout-ms')
  const [, count = 0, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(headers.get('grpc-timeout') ?? '') ?? []
  if (Number(count) * (msOf[unit] ?? 0) > longestTimerMs) headers.delete('grpc-timeout')
}
