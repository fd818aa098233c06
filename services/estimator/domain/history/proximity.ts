import type { Point } from '../features/encoder.ts'
import { type ObservedExecutions, orderedBy, valuesOf } from './observed-executions.ts'
import { firstFrom } from './sorted-search.ts'

/** Bandwidth of the kernel, as a share of the executions that have the feature. */
const bandwidth = 0.1
/** Of an execution without the feature, or of one with it where the query lacks it. */
const unrelated = 0.05
/** Factor where the label has another value. */
const otherLabel = 0.1

/**
 * Puts the proximity of every execution to a point in `out`: by the share of executions that lie in between in the column
 * (a Cauchy kernel over ranks), and by whether the label's value is the same. False where there is nothing to go by.
 */
export function proximityTo(
  executions: ObservedExecutions,
  column: number | undefined,
  label: string | undefined,
  point: Point,
  out: Float64Array,
): boolean {
  const inColumn = column !== undefined && proximityInColumn(executions, column, point, out)
  if (label === undefined) return inColumn
  const value = point.labels[label]
  if (value === undefined && !inColumn) return false
  if (!inColumn) out.fill(1, 0, executions.count)
  const { numbers, values } = valuesOf(executions, label)
  const own = numbers.get(value)
  for (let i = 0; i < executions.count; i++) if (values[i] !== own) out[i] = (out[i] as number) * otherLabel
  return true
}

function proximityInColumn(
  executions: ObservedExecutions,
  column: number,
  point: Point,
  out: Float64Array,
): boolean {
  const { count } = executions
  const { sorted, order, present } = orderedBy(executions, column)
  const x = point.logs[column]
  if (x === undefined) {
    if (present === 0) return false
    out.fill(1, 0, count)
    for (let p = 0; p < present; p++) out[order[p] as number] = unrelated
    return true
  }
  out.fill(unrelated, 0, count)
  const low = firstFrom(sorted, present, x)
  let high = low
  while (high < present && sorted[high] === x) high++
  const scale = 1 / (bandwidth * Math.max(present, 1))
  for (let p = 0; p < present; p++) {
    const between = p < low ? low - p : p >= high ? p - high + 1 : 0
    const d = between * scale
    out[order[p] as number] = 1 / (1 + d * d)
  }
  return true
}
