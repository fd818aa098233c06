import { join } from 'node:path'
import { root } from '../e2e/support.ts'
import { installed, type PythonScheduler, threePhases } from './python.ts'
import type { Scheduler } from './scheduler.ts'

const python: PythonScheduler = {
  name: 'dask',
  requirements: ['dask[distributed]==2026.8.0'],
  packages: ['workers/python'],
}

/** examples/dask as it stands. */
export const dask: Scheduler = {
  name: 'dask',
  notRun: () => installed(python),
  run: (pair) =>
    threePhases(
      python,
      pair,
      'dask/work',
      async (inputs, { task, run }) => {
        await run('python', [join(root, 'examples', 'dask', 'sized.py'), task, ...inputs])
      },
      ({ run }) => run('python', ['-c', 'import dask; print(dask.__version__)']),
    ),
}
