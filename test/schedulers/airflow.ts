import { strict as assert } from 'node:assert'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { countOf } from '../e2e/support.ts'
import { installed, type PythonScheduler, threePhases, type Workload } from './python.ts'
import type { Scheduler } from './scheduler.ts'

const python: PythonScheduler = {
  name: 'airflow',
  requirements: ['apache-airflow==3.3.2', 'kubernetes==37.0.2'],
  packages: ['workers/python', 'integrations/airflow'],
}

/** A DAG as a user writes it, run by `airflow dags test`; and a pod as its executor hands it to the hook. */
export const airflow: Scheduler = {
  name: 'airflow',
  notRun: () => installed(python),
  run: (pair) =>
    threePhases(
      python,
      pair,
      'airflow/work/hold',
      async (inputs, workload) => {
        const options = airflowHome(workload)
        await workload.run('airflow', ['db', 'migrate'], options)
        const conf = JSON.stringify({ inputs })
        const said = await workload.run('airflow', ['dags', 'test', 'work', '--conf', conf], options)
        assert.match(said, /state=success|DagRun .* success/i)
      },
      async (workload) => {
        const options = airflowHome(workload)
        // The listener's own: a task that runs no command.
        const { executions } = await pair.profile('airflow/work/whole', (found) => countOf(found) >= 2)
        for (const { used } of executions) assert((used?.memoryBytes ?? 0) > 50e6, JSON.stringify(used))
        const pod = await workload.run('python', [join(import.meta.dirname, 'airflow_pod.py')], options)
        assert.match(pod, /^pod sized$/m)
        return workload.run('airflow', ['version'], options)
      },
    ),
}

function airflowHome({ folder, env, requestedBytes, task }: Workload) {
  const home = join(folder, 'airflow')
  mkdirSync(join(home, 'dags'), { recursive: true })
  mkdirSync(join(home, 'config'), { recursive: true })
  writeFileSync(
    join(home, 'config', 'airflow_local_settings.py'),
    'from foresize_airflow import pod_mutation_hook  # noqa: F401\n',
  )
  writeFileSync(
    join(home, 'dags', 'work.py'),
    `import os
from datetime import timedelta

import foresize
from airflow.sdk import dag, get_current_context, task
from foresize_airflow import run

# Tasks run one after the other, so that the later ones of a run could be sized by the earlier ones.
patient = foresize.Sizer(
    foresize.LearningConfig(min_executions=12), estimator=foresize.Estimator(deadline_ms=5000)
)


@dag(schedule=None, dag_id="work")
def work():
    @task
    def inputs():
        return get_current_context()["dag_run"].conf["inputs"]

    @task(retries=3, retry_delay=timedelta(0))
    def hold(path):
        run(
            ["sh", "-c", f"exec ${task} {path} $FORESIZE_MEMORY_BYTES"],
            features={"input_bytes": os.path.getsize(path)},
            requested=foresize.Resources(memory_bytes=${requestedBytes}),
            sizer=patient,
        )

    @task
    def whole():
        """Measured as the process that it is."""
        return len(bytearray(50_000_000))

    hold.expand(path=inputs()) >> whole()


work()
`,
  )
  const settings = { AIRFLOW_HOME: home, AIRFLOW__CORE__LOAD_EXAMPLES: 'False' }
  return { env: { ...env, ...settings } }
}
