import { visible } from '../../../shared/domain/text.ts'
import { Answered } from '../../components/answered.tsx'
import { DataTable } from '../../components/data-table.tsx'
import { Page } from '../../components/page.tsx'
import { Empty } from '../../components/states.tsx'
import { useNamespace } from '../../data/url-state.ts'
import { type Running, useRunning } from '../../data/use-running.ts'
import { useSort } from '../../data/use-sort.ts'
import { runningColumns } from './columns.tsx'
import { Health } from './health.tsx'

export function NowPage() {
  const namespace = useNamespace()
  return (
    <Page title={`Now in ${visible(namespace)}`}>
      <Health />
      <Answered query={useRunning(namespace)} what="what is under way">
        {(running) => <RunningView namespace={namespace} running={running} />}
      </Answered>
    </Page>
  )
}

function RunningView({ namespace, running }: { readonly namespace: string; readonly running: Running }) {
  const sorting = useSort('share')
  const { executions, moreTasks } = running
  if (executions.length === 0) {
    return (
      <Empty title={`Nothing is under way in the namespace ${visible(namespace)}`}>
        <p>An execution appears here from its start on, where its worker streams or reports the start.</p>
      </Empty>
    )
  }
  return (
    <>
      {moreTasks === 0 ? null : (
        <p className="banner">Of {moreTasks} more tasks there are executions under way, not shown here.</p>
      )}
      <DataTable
        title={`Executions under way in ${visible(namespace)}`}
        columns={runningColumns(namespace)}
        rows={executions}
        rowId={({ task, execution }) => `${task}\n${execution.executionId}`}
        {...sorting}
      />
    </>
  )
}
