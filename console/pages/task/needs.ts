import type { Dimension } from '../../../shared/domain/resources.ts'
import type { DimensionEstimate, Estimate } from '../../contract/gen/foresize/v1/estimator_service_pb.js'
import type { ExecutionRecord } from '../../contract/gen/foresize/v1/execution_pb.js'
import { Outcome } from '../../contract/gen/foresize/v1/execution_pb.js'
import { wireDimension } from '../../domain/dimensions.ts'
import { outcomeWords } from '../../domain/outcomes.ts'
import type { HistoryPoint } from '../../plots/history-plot.ts'
import type { BandPoint, NeedPoint } from '../../plots/need-plot.ts'
import type { QuantityKind } from '../../plots/quantity-scale.ts'

/** Killed for want of this dimension: what it used is less than what it needs. */
function isKilledFor({ outcome }: ExecutionRecord, dimension: Dimension): boolean {
  if (dimension === 'memoryBytes') return outcome === Outcome.OUT_OF_MEMORY
  return dimension === 'durationMs' && outcome === Outcome.TIMED_OUT
}

function titleOf(execution: ExecutionRecord, dimension: Dimension, { format }: QuantityKind): string {
  const amount = (label: string, value: number | undefined) =>
    value === undefined ? [] : [`${label} ${format(value)}`]
  return [
    execution.executionId,
    outcomeWords[execution.outcome],
    ...amount('requested', execution.requested?.[dimension]),
    ...amount('given', execution.allocated?.[dimension]),
    ...amount('used', execution.used?.[dimension]),
  ].join('\n')
}

export function needPoints(
  executions: readonly ExecutionRecord[],
  feature: string,
  dimension: Dimension,
  kind: QuantityKind,
): readonly NeedPoint[] {
  return executions.flatMap((execution) => {
    const [x, need] = [execution.features[feature], execution.used?.[dimension]]
    if (x === undefined || need === undefined) return []
    const title = titleOf(execution, dimension, kind)
    return [{ feature: x, need, isKilled: isKilledFor(execution, dimension), title }]
  })
}

export function historyPoints(
  executions: readonly ExecutionRecord[],
  dimension: Dimension,
  kind: QuantityKind,
): { readonly at: 'time' | 'order'; readonly points: readonly HistoryPoint[] } {
  const isTimed = executions.every(({ endedAtUnixMs }) => endedAtUnixMs > 0)
  const points = executions.map((execution, i) => ({
    at: isTimed ? execution.endedAtUnixMs : i,
    requested: execution.requested?.[dimension],
    given: execution.allocated?.[dimension],
    used: execution.used?.[dimension],
    isKilled: isKilledFor(execution, dimension),
    title: titleOf(execution, dimension, kind),
  }))
  return { at: isTimed ? 'time' : 'order', points: points.toSorted((a, b) => a.at - b.at) }
}

export function estimateOf(
  estimate: Estimate | undefined,
  dimension: Dimension,
): DimensionEstimate | undefined {
  return estimate?.dimensions.find((each) => each.dimension === wireDimension[dimension])
}

export function bandPoints(
  grid: readonly number[],
  estimates: readonly (Estimate | undefined)[],
  dimension: Dimension,
): readonly BandPoint[] {
  return grid.flatMap((feature, i) => {
    const found = estimateOf(estimates[i], dimension)
    if (found === undefined) return []
    const { lower, expected, upper, allocation } = found
    return [{ feature, lower, expected, upper, given: allocation }]
  })
}
