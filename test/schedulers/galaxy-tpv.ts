import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installed, type PythonScheduler, threePhases, type Workload } from './python.ts'
import type { Scheduler } from './scheduler.ts'

const python: PythonScheduler = {
  name: 'galaxy-tpv',
  requirements: ['total-perspective-vortex==3.3.0', 'galaxy-app==26.1.2'],
  packages: ['workers/python', 'integrations/galaxy-tpv'],
}

const tool = 'toolshed.g2.bx.psu.edu/repos/iuc/hold/hold'

/** TPV's own mapping and Galaxy's own job metrics, around jobs that a handler of the test's runs: galaxy_jobs.py. */
export const galaxyTpv: Scheduler = {
  name: 'galaxy-tpv',
  notRun: () => installed(python),
  run: (pair) =>
    threePhases(
      python,
      pair,
      tool,
      async (inputs, workload) => {
        const conf = configuration(workload)
        await workload.run('python', [
          join(import.meta.dirname, 'galaxy_jobs.py'),
          conf,
          workload.task,
          ...inputs,
        ])
      },
      async (workload) => {
        const conf = configuration(workload)
        const said = await workload.run('tpv', ['dry-run', '--job-conf', conf, '--tool', `${tool}/1.0`])
        assert.match(said, /memory_bytes: '?\d+/)
        const program = "from importlib.metadata import version; print(version('total-perspective-vortex'))"
        return workload.run('python', ['-c', program])
      },
    ),
}

function configuration({ folder, requestedBytes }: Workload): string {
  const conf = join(folder, 'job_conf.yml')
  const rules = join(folder, 'tpv.yml')
  writeFileSync(
    conf,
    `runners:
  local:
    load: galaxy.jobs.runners.local:LocalJobRunner
execution:
  default: tpv_dispatcher
  environments:
    tpv_dispatcher:
      runner: dynamic
      type: python
      function: map_tool_to_destination
      rules_module: tpv.rules
      tpv_config_files: [${rules}]
    slurm:
      runner: local
`,
  )
  writeFileSync(
    rules,
    `global:
  default_inherits: default
tools:
  default:
    cores: 1
    mem: |
      from foresize_tpv import mem_gb
      mem_gb(app, job, tool, input_size, ${requestedBytes / 2 ** 30})
    params:
      memory_bytes: "{round(mem * 1024 ** 3)}"
destinations:
  slurm:
    runner: local
    max_accepted_mem: 64
`,
  )
  return conf
}
