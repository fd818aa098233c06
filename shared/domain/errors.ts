/** Every way in which a call can fail for its caller. shared/rpc/status.ts maps each to one gRPC status. */
export const failures = [
  'invalid',
  'not-found',
  'conflict',
  'out-of-order',
  'overloaded',
  'unavailable',
  'unauthenticated',
  'forbidden',
  'unsupported',
] as const

export type Failure = (typeof failures)[number]

/** What is wrong with one field of an input. `field` is a path such as `ends[3].used.memory_bytes`. */
export interface Violation {
  readonly field: string
  readonly description: string
}

/** The one error class that crosses a module boundary on purpose. Its message is for the caller; its cause is not. */
export class ForesizeError extends Error {
  readonly failure: Failure
  readonly violations: readonly Violation[]

  constructor(
    failure: Failure,
    message: string,
    options: { cause?: unknown; violations?: readonly Violation[] } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'ForesizeError'
    this.failure = failure
    this.violations = options.violations ?? []
  }
}

/** Bad input: names every field that is wrong. */
export function invalid(violations: readonly Violation[]): ForesizeError {
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ')
  return new ForesizeError('invalid', message, { violations })
}
