import { useMemo, useState } from 'react'
import { formatBytes, formatDuration } from '../../../shared/domain/quantity-text.ts'
import { visible } from '../../../shared/domain/text.ts'
import { type Column, DataTable, type Sort } from '../../components/data-table.tsx'
import type { ExecutionRecord } from '../../contract/gen/foresize/v1/execution_pb.js'
import { isKilled, outcomeWords } from '../../domain/outcomes.ts'
import { featureKind } from '../../plots/quantity-scale.ts'

interface Line {
  readonly place: number
  readonly execution: ExecutionRecord
}

/** The executions that the profile retains, one by one. */
export function ExecutionsTable({
  of,
  executions,
}: {
  readonly of: string
  readonly executions: readonly ExecutionRecord[]
}) {
  const [sort, setSort] = useState<Sort>({ id: 'place', descending: true })
  const lines = useMemo(
    () => executions.map((execution, i): Line => ({ place: i + 1, execution })),
    [executions],
  )
  const columns = useMemo(() => {
    const names = [...new Set(executions.flatMap(({ features }) => Object.keys(features)))].toSorted()
    return [...fixedColumns, ...names.map(featureColumn)]
  }, [executions])
  return (
    <DataTable
      title={`Executions of ${of}`}
      columns={columns}
      rows={lines}
      rowId={({ place }) => String(place)}
      sort={sort}
      onSort={setSort}
    />
  )
}

const fixedColumns: readonly Column<Line>[] = [
  {
    id: 'place',
    title: 'No',
    hint: 'in the order learned',
    csv: 'number',
    width: 56,
    isNumber: true,
    value: ({ place }) => place,
  },
  {
    id: 'id',
    title: 'Execution',
    csv: 'execution_id',
    width: 190,
    value: ({ execution }) => visible(execution.executionId),
  },
  {
    id: 'outcome',
    title: 'Outcome',
    csv: 'outcome',
    width: 150,
    value: ({ execution }) => outcomeWords[execution.outcome],
    show: ({ execution: { outcome } }) => (
      <span className={isKilled(outcome) ? 'bad' : undefined}>{outcomeWords[outcome]}</span>
    ),
  },
  {
    id: 'attempt',
    title: 'Attempt',
    csv: 'attempt',
    width: 76,
    isNumber: true,
    value: ({ execution }) => Math.max(1, execution.attempt),
  },
  bytesColumn('requested', 'Requested', ({ requested }) => requested?.memoryBytes),
  bytesColumn('given', 'Given', ({ allocated }) => allocated?.memoryBytes),
  bytesColumn('used', 'Used', ({ used }) => used?.memoryBytes),
  {
    id: 'time',
    title: 'Run time',
    csv: 'duration_ms',
    width: 90,
    isNumber: true,
    value: ({ execution }) => execution.used?.durationMs,
    show: ({ execution }) => formatDuration(execution.used?.durationMs),
  },
]

function bytesColumn(
  id: string,
  title: string,
  read: (execution: ExecutionRecord) => number | undefined,
): Column<Line> {
  return {
    id,
    title,
    hint: 'memory',
    csv: `${id}_memory_bytes`,
    width: 96,
    isNumber: true,
    value: ({ execution }) => read(execution),
    show: ({ execution }) => formatBytes(read(execution)),
  }
}

function featureColumn(name: string): Column<Line> {
  const { format } = featureKind(name)
  return {
    id: `feature ${name}`,
    title: visible(name),
    hint: 'feature',
    csv: `feature_${visible(name)}`,
    width: 120,
    isNumber: true,
    value: ({ execution }) => execution.features[name],
    show: ({ execution }) =>
      execution.features[name] === undefined ? '–' : format(execution.features[name]),
  }
}
