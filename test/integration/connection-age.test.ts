import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../support/manifests.ts'
import { countOf, type TestProfiler, testProfiler } from '../support/profiler-service.ts'

let profiler: TestProfiler
beforeAll(async () => {
  profiler = await testProfiler({ store: 'memory', maxConnectionAgeMs: 1000, maxConnectionAgeGraceMs: 100 })
})
afterAll(() => profiler.stop())

test('a run that outlives its connections several times is reported all the same', async () => {
  const foresize = join(projectRoot, 'cli', 'foresize')
  const flags = ['--task', 'long', '--verbose', '--profiler', profiler.address]
  const { stderr } = await promisify(execFile)(foresize, ['run', ...flags, '--', 'sleep', '6'])
  expect(stderr).toContain('long succeeded')
  expect(stderr).not.toContain('not reported')
  expect(await countOf(profiler.client, 'long')).toBe(1)
})
