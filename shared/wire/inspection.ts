import { invalid, messageOf, type Violation } from '../domain/errors.ts'

/** Collects what is wrong with a message while it is read, so that its sender learns all of it at once. */
export interface Inspection {
  readonly violations: readonly Violation[]
  reject(field: string, description: string): void
}

/** A message with thousands of faults is answered with the first of them. */
const maxViolations = 16

/** @param at where the message stands in what its sender has sent, asked for only where something is wrong. */
export function inspection(at = () => ''): Inspection {
  const violations: Violation[] = []
  return {
    violations,
    reject(field, description) {
      if (violations.length >= maxViolations) return
      violations.push({ field: messageOf(`${at()}${field}`), description: messageOf(description) })
    },
  }
}

/** Reads a message; throws ForesizeError `invalid`, naming every field at fault. */
export function inspect<T>(read: (inspection: Inspection) => T): T {
  const seen = inspection()
  const value = read(seen)
  requireNone(seen)
  return value
}

/** The same of one that is read in steps. */
export function* inspectSteps<T>(
  read: (inspection: Inspection) => Generator<undefined, T>,
): Generator<undefined, T> {
  const seen = inspection()
  const value = yield* read(seen)
  requireNone(seen)
  return value
}

function requireNone({ violations }: Inspection): void {
  if (violations.length > 0) throw invalid(violations)
}
