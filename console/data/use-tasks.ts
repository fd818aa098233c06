import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useSession } from '../contract/session.tsx'
import { type TaskRow, taskRow } from '../domain/task-row.ts'
import { listSummaries } from './list-summaries.ts'
import { refreshInterval } from './live.ts'

export interface Tasks {
  readonly rows: readonly TaskRow[]
  /** False while more are on their way. */
  readonly isWhole: boolean
  readonly tookMs: number
}

export function useTasks(namespace: string) {
  const { services, id } = useSession()
  const queries = useQueryClient()
  const key = ['tasks', id, namespace]
  return useQuery<Tasks>({
    queryKey: key,
    refetchInterval: (query) => refreshInterval(query, query.state.data?.tookMs),
    async queryFn({ signal }) {
      const startedMs = performance.now()
      const isFirst = queries.getQueryData(key) === undefined
      let rows: readonly TaskRow[] = []
      for await (const page of listSummaries(services, namespace, signal)) {
        rows = [...rows, ...page.map(taskRow)]
        // Read again, the whole takes the place of the whole.
        if (isFirst) queries.setQueryData<Tasks>(key, { rows, isWhole: false, tookMs: 0 })
      }
      return { rows, isWhole: true, tookMs: performance.now() - startedMs }
    },
  })
}
