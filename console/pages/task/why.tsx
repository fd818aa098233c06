import { useState } from 'react'
import { formatShare } from '../../../cli/quantity.ts'
import { formatDimension, formatNumber } from '../../../shared/domain/quantity-text.ts'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { visible } from '../../../shared/domain/text.ts'
import { type Column, DataTable, type Sort } from '../../components/data-table.tsx'
import type { Estimate, StrategyPrediction } from '../../contract/gen/foresize/v1/estimator_service_pb.js'
import { clampWords } from '../../domain/sources.ts'
import { estimateOf } from './needs.ts'

/** Why an answer is what it is: what each strategy said, what a failure was priced at, what held the amount. */
export function Why({ estimate, dimension }: { readonly estimate: Estimate; readonly dimension: Dimension }) {
  const [sort, setSort] = useState<Sort>({ id: 'weight', descending: true })
  const answer = estimateOf(estimate, dimension)
  if (answer === undefined) return <p>Nothing is known of this dimension yet.</p>
  const show = (value: number) => formatDimension(dimension, value)
  const { failurePrice, tailChance, overhead, clamps } = answer
  return (
    <>
      <p>{visible(estimate.reason)}</p>
      <dl className="facts">
        {failurePrice === undefined ? null : (
          <Fact title="Price of a failure">{formatNumber(failurePrice)} runs of the expected need</Fact>
        )}
        {tailChance === undefined ? null : (
          <Fact title="Chance of a need above the largest seen">{formatShare(tailChance)}</Fact>
        )}
        {overhead === undefined ? null : <Fact title="Of it for what wraps the task">{show(overhead)}</Fact>}
        {clamps.map(({ kind, before, after }) => (
          <Fact key={kind} title={clampWords[kind]}>
            {show(before)} → {show(after)}
          </Fact>
        ))}
      </dl>
      <DataTable
        title="Strategies"
        columns={strategyColumns(show)}
        rows={answer.predictions}
        rowId={({ strategy }) => strategy}
        sort={sort}
        onSort={setSort}
      />
    </>
  )
}

function Fact({ title, children }: { readonly title: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function strategyColumns(show: (value: number) => string): readonly Column<StrategyPrediction>[] {
  return [
    { id: 'strategy', title: 'Strategy', csv: 'strategy', width: 180, value: ({ strategy }) => strategy },
    {
      id: 'value',
      title: 'Says',
      csv: 'value',
      width: 110,
      isNumber: true,
      value: ({ value }) => value,
      show: ({ value }) => (value === undefined ? '–' : show(value)),
    },
    {
      id: 'weight',
      title: 'Weight',
      hint: 'its part in the answer: the better it has predicted, the more',
      csv: 'weight',
      width: 140,
      isNumber: true,
      value: ({ weight }) => weight,
      show: ({ weight }) => (
        <span className="bar-cell">
          <span className="bar" style={{ width: `${Math.round(100 * weight)}%` }} />
          {formatShare(weight)}
        </span>
      ),
    },
    {
      id: 'reason',
      title: 'Note',
      csv: 'note',
      width: 260,
      value: ({ reason }) => visible(reason),
      show: ({ reason }) => visible(reason),
    },
  ]
}
