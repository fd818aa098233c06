import { useDeferredValue, useEffect, useMemo, useRef } from 'react'
import { DataTable } from '../../components/data-table.tsx'
import { Empty, Failure, Loading, Stale } from '../../components/states.tsx'
import { useNamespace, useUrlState } from '../../data/url-state.ts'
import { useTasks } from '../../data/use-tasks.ts'
import type { TaskRow } from '../../domain/task-row.ts'
import { taskColumns } from './columns.tsx'
import { Headline } from './headline.tsx'

const none: readonly TaskRow[] = []

export function TasksPage() {
  const namespace = useNamespace()
  const url = useUrlState()
  const query = useTasks(namespace)
  const search = url.get('search') ?? ''
  const sort = { id: url.get('sort') ?? 'waste', descending: url.get('order') !== 'ascending' }
  const rows = query.data?.rows ?? none
  const wanted = useDeferredValue(search.toLowerCase())
  const found = useMemo(
    () => (wanted === '' ? rows : rows.filter(({ task }) => task.toLowerCase().includes(wanted))),
    [rows, wanted],
  )
  const columns = useMemo(() => {
    const largest = found.reduce((most, { wastePerDay = 0 }) => Math.max(most, wastePerDay), 1)
    return taskColumns(largest, Date.now())
  }, [found])

  if (query.data === undefined) {
    return query.isError ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading what="tasks" />
    )
  }
  if (rows.length === 0) return <NoTasks namespace={namespace} />
  return (
    <div className="page filled">
      <h1 className="unseen">Tasks of {namespace}</h1>
      <Stale query={query} />
      <Headline rows={found} />
      <Search value={search} onChange={(value) => url.set({ search: value })} />
      {query.data.isWhole ? null : <p role="status">{rows.length} tasks so far…</p>}
      {found.length === 0 ? (
        <Empty title={`No task has “${search}” in its name`}>
          <button type="button" onClick={() => url.set({ search: undefined })}>
            Show all
          </button>
        </Empty>
      ) : (
        <DataTable
          title={`Tasks of ${namespace}`}
          columns={columns}
          rows={found}
          rowId={({ task }) => task}
          sort={sort}
          onSort={({ id, descending }) => url.set({ sort: id, order: descending ? undefined : 'ascending' })}
        />
      )}
    </div>
  )
}

function Search({ value, onChange }: { readonly value: string; readonly onChange: (value: string) => void }) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return
      event.preventDefault()
      field.current?.focus()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  return (
    <label className="search">
      <span>Find</span>
      <input
        ref={field}
        type="search"
        value={value}
        placeholder="part of a task’s name  ( / )"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  )
}

function NoTasks({ namespace }: { readonly namespace: string }) {
  return (
    <Empty title={`Nothing was learned in the namespace ${namespace} yet`}>
      <p>Run a command with foresize beside it, and its task appears here:</p>
      <pre>foresize run --task sort --feature input_bytes=$(stat -c %s numbers) -- sort numbers</pre>
      <p>Or learn what has been run before: foresize import-history trace.txt</p>
    </Empty>
  )
}
