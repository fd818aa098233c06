import type { Point } from '../../services/estimator/domain/features/encoder.ts'
import {
  addExecution,
  type ObservedExecution,
  type ObservedExecutions,
  observedExecutions,
} from '../../services/estimator/domain/history/observed-executions.ts'

/** A point with these numbers in its columns, as values and as logarithms alike. */
export const pointAt = (
  columns: readonly (number | undefined)[],
  labels: Readonly<Record<string, string>> = {},
): Point => ({ values: columns, logs: columns, labels, labelNames: Object.keys(labels).sort() })

/** Executions at these points, oldest first: each of need 1 unless said otherwise. */
export function executionsAt(
  points: readonly Point[],
  more: (i: number) => Partial<ObservedExecution> = () => ({}),
): ObservedExecutions {
  const executions = observedExecutions()
  for (const [i, point] of points.entries())
    addExecution(executions, { point, need: 1, runtimeMs: 1, ...more(i) })
  return executions
}
