import { clipped } from './text.ts'

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

/** A message goes into the trailers of a call: one that is longer than they may be would end the connection. */
const maxMessageLength = 1024

/** Of a text that repeats what others sent: as much as a message may have. */
export const messageOf = (text: string): string => clipped(text, maxMessageLength).toWellFormed()

/** Violations that a message names one by one; the others it counts. */
const shownViolations = 8

/** The one error class that crosses a module boundary on purpose. Its message is for the caller; its cause is not. */
export class ForesizeError extends Error {
  readonly failure: Failure
  readonly violations: readonly Violation[]

  constructor(
    failure: Failure,
    message: string,
    options: { cause?: unknown; violations?: readonly Violation[] } = {},
  ) {
    super(messageOf(message), { cause: options.cause })
    this.name = 'ForesizeError'
    this.failure = failure
    this.violations = options.violations ?? []
  }
}

/** Bad input: names the first fields that are wrong, and says how many more there are. */
export function invalid(violations: readonly Violation[]): ForesizeError {
  const shown = violations
    .slice(0, shownViolations)
    .map(({ field, description }) => clipped(`${field}: ${description}`, maxMessageLength / shownViolations))
  const more = violations.length - shown.length
  const message = [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
  return new ForesizeError('invalid', message, { violations })
}
