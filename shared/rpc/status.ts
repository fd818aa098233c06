import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type Failure, ForesizeError } from '../domain/errors.ts'
import type { Log } from '../runtime/log.ts'

/** Every failure and its one gRPC status: will not compile until a new failure is listed. */
const codes = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  conflict: status.ABORTED,
  'out-of-order': status.FAILED_PRECONDITION,
  overloaded: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  unsupported: status.UNIMPLEMENTED,
} as const satisfies Record<Failure, status>

export function statusOfFailure(failure: Failure): status {
  return codes[failure]
}

/** What a caller is told: the message of a ForesizeError, and nothing of any other error, which is logged. */
export function toServiceError(error: unknown, log: Log): Partial<ServiceError> & Error {
  if (error instanceof ForesizeError) {
    if (error.cause !== undefined) log.warn({ err: error.cause, failure: error.failure }, error.message)
    return Object.assign(new Error(error.message), {
      code: codes[error.failure],
      details: error.message,
      metadata: new Metadata(),
    })
  }
  log.error({ err: error }, 'a call failed inside')
  return Object.assign(new Error('internal error'), {
    code: status.INTERNAL,
    details: 'internal error',
    metadata: new Metadata(),
  })
}
