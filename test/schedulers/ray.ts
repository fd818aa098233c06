import { join } from 'node:path'
import { root } from '../e2e/support.ts'
import { installed, type PythonScheduler, threePhases } from './python.ts'
import type { Scheduler } from './scheduler.ts'

const python: PythonScheduler = {
  name: 'ray',
  requirements: ['ray==2.60.0'],
  packages: ['workers/python'],
}

/** examples/ray as it stands. */
export const ray: Scheduler = {
  name: 'ray',
  notRun: () => installed(python),
  run: (pair) =>
    threePhases(
      python,
      pair,
      'ray/work',
      async (inputs, { task, run }) => {
        await run('python', [join(root, 'examples', 'ray', 'sized.py'), task, ...inputs])
      },
      ({ run }) => run('python', ['-c', 'import ray; print(ray.__version__)']),
    ),
}
