import { DataTable } from '../../components/data-table.tsx'
import { Empty, Failure, Loading, Stale } from '../../components/states.tsx'
import { useNamespace, useUrlState } from '../../data/url-state.ts'
import { useRunning } from '../../data/use-running.ts'
import { runningColumns } from './columns.tsx'
import { Health } from './health.tsx'

export function NowPage() {
  const namespace = useNamespace()
  const url = useUrlState()
  const query = useRunning(namespace)
  const sort = { id: url.get('sort') ?? 'share', descending: url.get('order') !== 'ascending' }
  return (
    <div className="page filled">
      <h1 className="unseen">Now in {namespace}</h1>
      <Health />
      <Stale query={query} />
      {query.data === undefined ? (
        query.isError ? (
          <Failure error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Loading what="what is under way" />
        )
      ) : query.data.executions.length === 0 ? (
        <Empty title={`Nothing is under way in the namespace ${namespace}`}>
          <p>An execution appears here from its start on, where its worker streams or reports the start.</p>
        </Empty>
      ) : (
        <>
          {query.data.moreTasks === 0 ? null : (
            <p className="banner">
              Of {query.data.moreTasks} more tasks there are executions under way, not shown here.
            </p>
          )}
          <DataTable
            title={`Executions under way in ${namespace}`}
            columns={runningColumns(namespace)}
            rows={query.data.executions}
            rowId={({ task, execution }) => `${task}\n${execution.executionId}`}
            sort={sort}
            onSort={({ id, descending }) =>
              url.set({ sort: id, order: descending ? undefined : 'ascending' })
            }
          />
        </>
      )}
    </div>
  )
}
