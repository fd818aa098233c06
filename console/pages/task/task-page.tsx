import { Link } from 'wouter'
import { visible } from '../../../shared/domain/text.ts'
import { Answered } from '../../components/answered.tsx'
import { Empty } from '../../components/states.tsx'
import { addressOf, useNamespace, useUrlState } from '../../data/url-state.ts'
import { useTask } from '../../data/use-task.ts'
import { TaskView } from './task-view.tsx'

export function TaskPage() {
  const namespace = useNamespace()
  const task = useUrlState().get('task') ?? ''
  return (
    <div className="page">
      <p className="crumbs">
        <Link href={addressOf('/', { namespace })}>All tasks</Link>
      </p>
      <h1>{visible(task)}</h1>
      <Answered query={useTask(namespace, task)} what="the task">
        {(known) =>
          known === null ? (
            <Empty title={`${visible(task)} was never seen in the namespace ${visible(namespace)}`}>
              <p>Its name may be misspelt, or its executions are reported elsewhere.</p>
            </Empty>
          ) : (
            <TaskView {...known} />
          )
        }
      </Answered>
    </div>
  )
}
