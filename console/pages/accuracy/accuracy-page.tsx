import { useMemo } from 'react'
import { DataTable } from '../../components/data-table.tsx'
import { Empty, Failure, Loading, Stale } from '../../components/states.tsx'
import { useNamespace, useUrlState } from '../../data/url-state.ts'
import { useTasks } from '../../data/use-tasks.ts'
import { accuracyColumns } from './columns.tsx'

/** How well the answers have done, task by task; the one that promised most too much first. */
export function AccuracyPage() {
  const namespace = useNamespace()
  const url = useUrlState()
  const query = useTasks(namespace)
  const sort = { id: url.get('sort') ?? 'gap', descending: url.get('order') !== 'ascending' }
  const scored = useMemo(
    () => (query.data?.rows ?? []).filter(({ coverage }) => coverage !== undefined),
    [query.data],
  )
  const columns = useMemo(() => accuracyColumns(namespace), [namespace])
  if (query.data === undefined) {
    return query.isError ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading what="accuracy" />
    )
  }
  if (scored.length === 0) {
    return (
      <Empty title={`No answer was scored in the namespace ${namespace} yet`}>
        <p>An estimate is scored once the execution that it was for is reported with its estimate_token.</p>
      </Empty>
    )
  }
  return (
    <div className="page filled">
      <h1 className="unseen">Accuracy in {namespace}</h1>
      <Stale query={query} />
      <p className="note">Memory. Calibration, strategies and A/B variants of a task are on its page.</p>
      <DataTable
        title={`Accuracy in ${namespace}`}
        columns={columns}
        rows={scored}
        rowId={({ task }) => task}
        sort={sort}
        onSort={({ id, descending }) => url.set({ sort: id, order: descending ? undefined : 'ascending' })}
      />
    </div>
  )
}
