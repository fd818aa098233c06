import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from '../e2e/support.ts'
import { redisServer } from '../support/redis.ts'
import { installed, type PythonScheduler, programOf, threePhases } from './python.ts'
import type { Scheduler } from './scheduler.ts'

const python: PythonScheduler = {
  name: 'celery',
  requirements: ['celery[redis]==5.7.0'],
  packages: ['workers/python'],
}

/** examples/celery as it stands, on a Redis of its own. */
export const celery: Scheduler = {
  name: 'celery',
  notRun: () => installed(python),
  async run(pair) {
    const redis = await redisServer()
    try {
      return await threePhases(
        python,
        pair,
        'celery/work',
        async (inputs, { task, run, env }) => {
          const cwd = join(root, 'examples', 'celery')
          const options = { cwd, env: { ...env, CELERY_BROKER: `redis://127.0.0.1:${redis.port}/0` } }
          const args = ['-A', 'sized', 'worker', '-Q', 'small,medium,large', '-c', '4']
          const worker = spawn(programOf(python, 'celery'), args, { ...options, stdio: 'ignore' })
          const ended = once(worker, 'exit')
          try {
            await run('python', ['sized.py', task, ...inputs], options)
          } finally {
            worker.kill('SIGTERM')
            await ended
          }
        },
        ({ run }) => run('python', ['-c', 'import celery; print(celery.__version__)']),
      )
    } finally {
      await redis.stop()
    }
  },
}
