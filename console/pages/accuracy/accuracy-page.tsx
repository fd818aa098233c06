import { useMemo } from 'react'
import { visible } from '../../../shared/domain/text.ts'
import { Answered } from '../../components/answered.tsx'
import { DataTable } from '../../components/data-table.tsx'
import { Page } from '../../components/page.tsx'
import { Empty } from '../../components/states.tsx'
import { useNamespace } from '../../data/url-state.ts'
import { useSort } from '../../data/use-sort.ts'
import { useTasks } from '../../data/use-tasks.ts'
import type { TaskRow } from '../../domain/task-row.ts'
import { accuracyColumns } from './columns.tsx'

/** How well the answers have done, task by task; the one that promised most too much first. */
export function AccuracyPage() {
  const namespace = useNamespace()
  return (
    <Page title={`Accuracy in ${visible(namespace)}`}>
      <Answered query={useTasks(namespace)} what="accuracy">
        {({ rows }) => <AccuracyView namespace={namespace} rows={rows} />}
      </Answered>
    </Page>
  )
}

function AccuracyView({
  namespace,
  rows,
}: {
  readonly namespace: string
  readonly rows: readonly TaskRow[]
}) {
  const scored = useMemo(() => rows.filter(({ coverage }) => coverage !== undefined), [rows])
  const columns = useMemo(() => accuracyColumns(namespace), [namespace])
  const sorting = useSort('gap')
  if (scored.length === 0) {
    return (
      <Empty title={`No answer was scored in the namespace ${visible(namespace)} yet`}>
        <p>An estimate is scored once the execution that it was for is reported with its estimate_token.</p>
      </Empty>
    )
  }
  return (
    <>
      <p className="note">Memory. Calibration, strategies and A/B variants of a task are on its page.</p>
      <DataTable
        title={`Accuracy in ${visible(namespace)}`}
        columns={columns}
        rows={scored}
        rowId={({ task }) => task}
        {...sorting}
      />
    </>
  )
}
