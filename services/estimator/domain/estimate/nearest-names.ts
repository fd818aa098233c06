import { distance } from 'fastest-levenshtein'
import { mostNearestNames } from '../../../../shared/domain/estimate.ts'

/** Insertions, deletions and substitutions that make a typing error. */
export const mostEdits = 3

/** In UTF-16 units. A longer name is compared with none: the time grows with the square of the length. */
export const longestCompared = 100

/**
 * Names that `name` may be a typing error of, the nearest first: at most `mostEdits` edits from it, and at most half the
 * length of the longer one. Upper and lower case are the same.
 * Law: does not depend on the order of `known`.
 * Source: V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals", 1966.
 */
export function nearestNames(name: string, known: Iterable<string>): readonly string[] {
  if (name.length > longestCompared) return []
  const lower = name.toLowerCase()
  const near: { readonly name: string; readonly edits: number }[] = []
  for (const other of known) {
    const length = Math.max(name.length, other.length)
    if (length > longestCompared || Math.abs(name.length - other.length) > mostEdits) continue
    const edits = distance(lower, other.toLowerCase())
    if (edits <= Math.min(mostEdits, length / 2)) near.push({ name: other, edits })
  }
  return near
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
    .slice(0, mostNearestNames)
    .map((one) => one.name)
}
