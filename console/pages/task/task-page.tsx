import { Link } from 'wouter'
import { visible } from '../../../shared/domain/text.ts'
import { Empty, Failure, Loading, Stale } from '../../components/states.tsx'
import { addressOf, useNamespace, useUrlState } from '../../data/url-state.ts'
import { useTask } from '../../data/use-task.ts'
import { TaskView } from './task-view.tsx'

export function TaskPage() {
  const namespace = useNamespace()
  const task = useUrlState().get('task') ?? ''
  const query = useTask(namespace, task)
  const back = <Link href={addressOf('/tasks', { namespace })}>All tasks</Link>
  if (query.data === undefined) {
    return query.isError ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading what="the task" />
    )
  }
  if (query.data === null) {
    return (
      <Empty title={`${visible(task)} was never seen in the namespace ${namespace}`}>
        <p>Its name may be misspelt, or its executions are reported elsewhere. {back}</p>
      </Empty>
    )
  }
  return (
    <div className="page">
      <p className="crumbs">{back}</p>
      <Stale query={query} />
      <TaskView profile={query.data} />
    </div>
  )
}
