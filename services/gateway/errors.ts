import { Code, ConnectError } from '@connectrpc/connect'
import { findTrailerError } from '@connectrpc/connect/protocol-grpc'
import { type ServiceError, status } from '@grpc/grpc-js'

export interface FailureContext {
  /** Of the service, for messages. */
  readonly name: string
  /** Whether there is a connection to it now. */
  readonly isConnected: boolean
  /** Of the caller. */
  readonly signal: AbortSignal
}

/**
 * What the caller is told of a call that failed: code, message and details as the service gave them. What grpc-js says
 * of connections is replaced: it names addresses that are no caller's business.
 */
export function connectErrorOf(
  error: Pick<ServiceError, 'code' | 'details' | 'metadata'>,
  { name, isConnected, signal }: FailureContext,
): ConnectError {
  if (error.code === status.DEADLINE_EXCEEDED) {
    return new ConnectError(`the ${name} did not answer within the deadline`, Code.DeadlineExceeded)
  }
  if (signal.aborted) return ConnectError.from(signal.reason, Code.Canceled)
  if (error.code === status.UNAVAILABLE && !isConnected) {
    return new ConnectError(`the ${name} cannot be reached`, Code.Unavailable)
  }
  const trailers = new Headers({
    'grpc-status': String(error.code),
    'grpc-message': encodeURIComponent(error.details),
  })
  const [details] = error.metadata.get('grpc-status-details-bin')
  if (Buffer.isBuffer(details)) trailers.set('grpc-status-details-bin', details.toString('base64'))
  return findTrailerError(trailers) ?? new ConnectError(error.details, Code.Unknown)
}
