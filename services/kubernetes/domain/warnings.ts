import type { Violation } from '../../../shared/domain/errors.ts'
import { clipped } from '../../../shared/domain/text.ts'

/** The API server passes on 4096 bytes in all, of warnings that it cuts off itself where they are long. */
const maxWarnings = 16
const maxWarningLength = 200

/** What whoever makes a Pod is told of its annotations, which may be of any number and length. */
export function warningsOf(violations: readonly Violation[]): readonly string[] {
  const shown = violations
    .slice(0, maxWarnings)
    .map(({ field, description }) => clipped(`foresize: ${field} ${description}`, maxWarningLength))
  const more = violations.length - shown.length
  return more > 0 ? [...shown, `foresize: and ${more} more`] : shown
}
