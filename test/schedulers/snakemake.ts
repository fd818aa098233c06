import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { installed, type PythonScheduler, threePhases } from './python.ts'
import type { Scheduler } from './scheduler.ts'

const python: PythonScheduler = {
  name: 'snakemake',
  requirements: ['snakemake==9.27.1'],
  packages: ['workers/python', 'integrations/snakemake'],
}

/** Rules as a user writes them, sized and reported by integrations/snakemake. */
export const snakemake: Scheduler = {
  name: 'snakemake',
  notRun: () => installed(python),
  run: (pair) =>
    threePhases(
      python,
      pair,
      'hold',
      async (inputs, { folder, task, requestedBytes, run, python: interpreter }) => {
        const outputs = inputs.map((input) => `out/${basename(input)}`)
        writeFileSync(
          join(folder, 'Snakefile'),
          `from snakemake_logger_plugin_foresize import mem_mb

rule all:
    input: ${JSON.stringify(outputs)}

rule hold:
    input: "in/{n}"
    output: "out/{n}"
    benchmark: "benchmarks/{n}.tsv"
    retries: 3
    resources: mem_mb=mem_mb(${requestedBytes / 1e6})
    shell: "${interpreter} ${task} {input} {resources.mem_mb}000000 && touch {output}"
`,
        )
        await run('snakemake', ['--logger', 'foresize', '--cores', '4', '--quiet', 'all'])
      },
      ({ run }) => run('snakemake', ['--version']),
    ),
}
