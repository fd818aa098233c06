import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Pod } from '../../services/kubernetes/domain/pod.ts'
import { taskIdentityOf } from '../../services/kubernetes/domain/task-identity.ts'

const module = join(import.meta.dirname, '../../integrations/airflow/src/foresize_airflow/names.py')

/** The integration's own module, without Airflow: it needs none. */
function nameInPython(dag: string, task: string): string {
  const program = 'import runpy, sys; print(runpy.run_path(sys.argv[1])["task_name"](*sys.argv[2:]))'
  return execFileSync('python3', ['-c', program, module, dag, task], { encoding: 'utf8' }).trimEnd()
}

test.each([
  ['etl', 'load'],
  ['etl.daily', 'group.load'],
  ['etl', 'größe'],
])(
  'DAG %s, task %s: the webhook, the agent and the integration for Airflow say the same name',
  (dag, task) => {
    const pod: Pod = {
      metadata: { annotations: { dag_id: dag, task_id: task } },
      spec: { containers: [{ name: 'base' }] },
    }
    expect(taskIdentityOf(pod, 'tasks')).toMatchObject({
      task: { namespace: 'tasks', task: nameInPython(dag, task) },
    })
  },
)
