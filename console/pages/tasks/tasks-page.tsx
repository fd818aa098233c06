import { useDeferredValue, useMemo } from 'react'
import { visible } from '../../../shared/domain/text.ts'
import { Answered } from '../../components/answered.tsx'
import { DataTable } from '../../components/data-table.tsx'
import { Page } from '../../components/page.tsx'
import { Empty } from '../../components/states.tsx'
import { useNamespace, useUrlState } from '../../data/url-state.ts'
import { useSort } from '../../data/use-sort.ts'
import { type Tasks, useTasks } from '../../data/use-tasks.ts'
import { taskColumns } from './columns.tsx'
import { Headline } from './headline.tsx'
import { Search } from './search.tsx'

export function TasksPage() {
  const namespace = useNamespace()
  const title = `Tasks of ${visible(namespace)}`
  return (
    <Page title={title}>
      <Answered query={useTasks(namespace)} what="tasks">
        {(tasks) =>
          tasks.rows.length === 0 ? (
            <NoTasks namespace={namespace} />
          ) : (
            <TasksView title={title} tasks={tasks} />
          )
        }
      </Answered>
    </Page>
  )
}

function TasksView({ title, tasks: { rows, isWhole } }: { readonly title: string; readonly tasks: Tasks }) {
  const url = useUrlState()
  const search = url.get('search') ?? ''
  const wanted = useDeferredValue(search.toLowerCase())
  const found = useMemo(
    () => (wanted === '' ? rows : rows.filter(({ task }) => task.toLowerCase().includes(wanted))),
    [rows, wanted],
  )
  const columns = useMemo(() => {
    const largest = found.reduce((most, { wastePerDay = 0 }) => Math.max(most, wastePerDay), 1)
    return taskColumns(largest, Date.now())
  }, [found])
  const sorting = useSort('waste')
  return (
    <>
      <Headline rows={found} />
      <Search value={search} onChange={(value) => url.set({ search: value })} />
      {isWhole ? null : <p role="status">{rows.length} tasks so far…</p>}
      {found.length === 0 ? (
        <Empty title={`No task has “${search}” in its name`}>
          <button type="button" onClick={() => url.set({ search: undefined })}>
            Show all
          </button>
        </Empty>
      ) : (
        <DataTable title={title} columns={columns} rows={found} rowId={({ task }) => task} {...sorting} />
      )}
    </>
  )
}

function NoTasks({ namespace }: { readonly namespace: string }) {
  return (
    <Empty title={`Nothing was learned in the namespace ${visible(namespace)} yet`}>
      <p>Run a command with foresize beside it, and its task appears here:</p>
      <pre>foresize run --task sort --feature input_bytes=$(stat -c %s numbers) -- sort numbers</pre>
      <p>Or learn what has been run before: foresize import-history trace.txt</p>
    </Empty>
  )
}
