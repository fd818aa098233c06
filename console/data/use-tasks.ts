import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ProfileKind } from '../contract/gen/foresize/v1/profile_pb.js'
import { useSession } from '../contract/session.tsx'
import { type TaskRow, taskRow } from '../domain/task-row.ts'
import { refreshInterval } from './live.ts'

export interface Tasks {
  readonly rows: readonly TaskRow[]
  /** False while more are on their way. */
  readonly isWhole: boolean
  readonly tookMs: number
}

/** Rows are shown in so large steps while they arrive. */
const step = 1000

export function useTasks(namespace: string) {
  const { services, id } = useSession()
  const queries = useQueryClient()
  const key = ['tasks', id, namespace]
  return useQuery<Tasks>({
    queryKey: key,
    refetchInterval: (query) => refreshInterval(query, query.state.data?.tookMs),
    async queryFn({ signal }) {
      const startedMs = performance.now()
      const rows: TaskRow[] = []
      const isFirst = queries.getQueryData(key) === undefined
      const changes = services.profiler.watchProfiles(
        { namespaces: [namespace], omitFolded: true },
        { signal },
      )
      for await (const { change } of changes) {
        if (change.case === 'caughtUp') break
        if (change.case !== 'profile' || change.value.key?.kind !== ProfileKind.TASK) continue
        rows.push(taskRow(change.value))
        if (isFirst && rows.length % step === 0) {
          queries.setQueryData<Tasks>(key, { rows: [...rows], isWhole: false, tookMs: 0 })
        }
      }
      return { rows, isWhole: true, tookMs: performance.now() - startedMs }
    },
  })
}
