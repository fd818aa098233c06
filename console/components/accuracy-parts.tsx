import { useCallback, useMemo, useState } from 'react'
import { formatShare } from '../../cli/quantity.ts'
import { formatOverTime } from '../../shared/domain/quantity-text.ts'
import type { Dimension } from '../../shared/domain/resources.ts'
import type { StrategyAccuracy } from '../contract/gen/foresize/v1/profile_pb.js'
import { wireDimension } from '../domain/dimensions.ts'
import { coreHours, formatCount, gigabyteHours } from '../domain/notation.ts'
import { calibrationPlot } from '../plots/calibration-plot.ts'
import type { PlotSize } from '../plots/frame.ts'
import { type Column, DataTable, type Sort } from './data-table.tsx'
import { PlotFigure } from './plot-figure.tsx'

/** The answers of foresize, by A/B variant, and of each strategy alone. */
export function AccuracyTable({
  of,
  accuracy,
  dimension,
}: {
  readonly of: string
  readonly accuracy: readonly StrategyAccuracy[]
  readonly dimension: Dimension
}) {
  const [sort, setSort] = useState<Sort>({ id: 'cost', descending: false })
  const columns = useMemo(() => accuracyColumns(dimension), [dimension])
  const rows = accuracy.filter((each) => each.dimension === wireDimension[dimension])
  if (rows.length === 0) {
    return (
      <p className="state">
        Nothing was scored yet. An estimate is scored once the execution it was for is reported with its
        estimate_token.
      </p>
    )
  }
  return (
    <DataTable
      title={`Accuracy of ${of}`}
      columns={columns}
      rows={rows}
      rowId={({ strategy, variant }) => `${strategy} ${variant}`}
      sort={sort}
      onSort={setSort}
    />
  )
}

const accuracyColumns = (dimension: Dimension): readonly Column<StrategyAccuracy>[] => [
  {
    id: 'strategy',
    title: 'Answers of',
    csv: 'strategy',
    width: 170,
    value: ({ strategy }) => strategy,
    show: ({ strategy }) =>
      strategy === 'foresize' ? <strong className="accent">foresize</strong> : strategy,
  },
  {
    id: 'variant',
    title: 'Variant',
    hint: 'of an A/B test',
    csv: 'variant',
    width: 72,
    value: ({ variant }) => variant || undefined,
  },
  {
    id: 'scored',
    title: 'Scored',
    hint: 'executions',
    csv: 'executions',
    width: 66,
    isNumber: true,
    value: ({ executions }) => executions,
    show: ({ executions }) => formatCount(executions),
  },
  {
    id: 'coverage',
    title: 'Sufficed',
    csv: 'coverage',
    width: 76,
    isNumber: true,
    value: ({ coverage }) => coverage,
    show: ({ coverage }) => formatShare(coverage),
  },
  {
    id: 'error',
    title: 'Error',
    hint: 'mean of |answer − need| ÷ need',
    csv: 'relative_error',
    width: 64,
    isNumber: true,
    value: ({ relativeError }) => relativeError,
    show: ({ relativeError }) => formatShare(relativeError),
  },
  ...costColumn(dimension),
  {
    id: 'sure',
    title: 'Sure',
    hint: 'mean probability given; against Sufficed it shows the calibration',
    csv: 'mean_confidence',
    width: 60,
    isNumber: true,
    value: ({ meanConfidence, strategy }) => (strategy === 'foresize' ? meanConfidence : undefined),
    show: ({ meanConfidence, strategy }) => (strategy === 'foresize' ? formatShare(meanConfidence) : '–'),
  },
]

/** Of a run time nothing is held. */
function costColumn(dimension: Dimension): readonly Column<StrategyAccuracy>[] {
  if (dimension === 'durationMs') return []
  const isCpu = dimension === 'cpuCores'
  return [
    {
      id: 'cost',
      title: 'Cost a run',
      hint: 'wasted a run, failures included: what is held times the run time',
      csv: isCpu ? 'cost_core_hours' : 'cost_gib_hours',
      width: 100,
      isNumber: true,
      value: ({ cost }) => (isCpu ? coreHours(cost) : gigabyteHours(cost)),
      show: ({ cost }) => formatOverTime(dimension, cost),
    },
  ]
}

export function Calibration({
  of,
  accuracy,
  dimension,
}: {
  readonly of: string
  readonly accuracy: readonly StrategyAccuracy[]
  readonly dimension: Dimension
}) {
  const bins = accuracy
    .filter((each) => each.strategy === 'foresize' && each.dimension === wireDimension[dimension])
    .flatMap(({ calibration }) => calibration)
  const points = bins.map(({ confidence, coverage, weight }) => ({
    given: confidence,
    found: coverage,
    weight,
  }))
  const key = JSON.stringify(points)
  // biome-ignore lint/correctness/useExhaustiveDependencies: equal points make an equal picture
  const make = useCallback((size: PlotSize) => calibrationPlot(points, size), [key])
  if (points.length === 0) return null
  return (
    <PlotFigure
      title="Calibration"
      of={of}
      make={make}
      note="On the line, what was called so likely came true so often. Above it the answers were better than promised."
    />
  )
}
