import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorker, type WorkerProblem } from '../../workers/typescript/worker.ts'
import { projectRoot } from '../support/manifests.ts'
import { countOf, eventually, type TestProfiler, testProfiler } from '../support/profiler-service.ts'

let profiler: TestProfiler
beforeAll(async () => {
  profiler = await testProfiler({ store: 'memory', maxConnectionAgeMs: 1000, maxConnectionAgeGraceMs: 100 })
})
afterAll(() => profiler.stop())

test('a worker counts its renewals, but tells of none, busy or idle; of a profiler that is gone it tells', async () => {
  const own = await testProfiler({ store: 'memory', maxConnectionAgeMs: 1000, maxConnectionAgeGraceMs: 50 })
  const problems: WorkerProblem[] = []
  const worker = createWorker({ target: own.address, onProblem: (problem) => problems.push(problem) })
  try {
    const execution = worker.startExecution({ task: 'renewed' })
    for (let elapsedMs = 50; worker.statistics().disconnects < 2; elapsedMs += 50) {
      execution.sample({ elapsedMs, memoryBytes: 1 })
      await sleep(50)
    }
    execution.end('succeeded')
    expect(await worker.flush()).toBe(true)
    await eventually(async () => worker.statistics().disconnects >= 4)
    expect(problems).toEqual([])
    await own.stop()
    worker.startExecution({ task: 'renewed' }).end('succeeded')
    await eventually(async () => problems.length > 0)
    expect(problems[0]).toMatchObject({ kind: 'disconnected' })
  } finally {
    await worker.close(0)
    await own.stop()
  }
})

test('a run that outlives its connections several times is reported all the same', async () => {
  const foresize = join(projectRoot, 'cli', 'foresize')
  const flags = ['--task', 'long', '--verbose', '--profiler', profiler.address]
  const { stderr } = await promisify(execFile)(foresize, ['run', ...flags, '--', 'sleep', '6'])
  expect(stderr).toContain('long succeeded')
  expect(stderr).not.toContain('not reported')
  expect(await countOf(profiler.client, 'long')).toBe(1)
})
