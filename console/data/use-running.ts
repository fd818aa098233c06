import { useQuery } from '@tanstack/react-query'
import { ProfileKind, type RunningExecution } from '../contract/gen/foresize/v1/profile_pb.js'
import { isNotFound } from '../contract/services.ts'
import { useSession } from '../contract/session.tsx'
import { listSummaries } from './list-summaries.ts'
import { refreshInterval } from './live.ts'

export interface UnderWay {
  readonly task: string
  readonly execution: RunningExecution
}

export interface Running {
  readonly executions: readonly UnderWay[]
  /** Tasks with executions under way that were not read: there are more than are shown. */
  readonly moreTasks: number
  readonly tookMs: number
}

/** Tasks read whole for what runs of them. */
const mostTasks = 100
const readAtOnce = 6

/** Executions under way, by the tasks whose summaries have some. */
export function useRunning(namespace: string) {
  const { services, id } = useSession()
  return useQuery<Running>({
    queryKey: ['running', id, namespace],
    refetchInterval: (query) => refreshInterval(query, query.state.data?.tookMs),
    async queryFn({ signal }) {
      const startedMs = performance.now()
      const tasks: string[] = []
      for await (const page of listSummaries(services, namespace, signal)) {
        tasks.push(...page.filter(({ running }) => running > 0).map(({ key }) => key?.task ?? ''))
      }
      const waiting = tasks.slice(0, mostTasks)
      const executions: UnderWay[] = []
      async function readOn(): Promise<void> {
        for (let task = waiting.pop(); task !== undefined; task = waiting.pop()) {
          const found = await services.profiler
            .getProfile({ key: { namespace, kind: ProfileKind.TASK, task } }, { signal })
            .catch((error: unknown) => {
              if (isNotFound(error)) return undefined
              throw error
            })
          const name = task
          executions.push(...(found?.profile?.running ?? []).map((execution) => ({ task: name, execution })))
        }
      }
      await Promise.all(Array.from({ length: readAtOnce }, readOn))
      const moreTasks = Math.max(0, tasks.length - mostTasks)
      return { executions, moreTasks, tookMs: performance.now() - startedMs }
    },
  })
}
