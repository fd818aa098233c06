import { readdirSync, rmSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { freePort } from '../../cli/pair.ts'
import { foresize } from './support.ts'

/** The demo as a newcomer sees it, with fewer runs. */

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

test('the demo learns, survives the loss of the estimator, and says what to type next', {
  timeout: 300_000,
}, async () => {
  const done = await foresize(['demo', '--executions', '8', '--within', '10min']).done
  const [data = ''] = /\/\S*foresize-demo-\w+\/profiles/.exec(done.stdout) ?? []
  folders.push(data.replace(/\/profiles$/, ''))
  expect(done).toMatchObject({ code: 0, stderr: '' })
  for (const part of [
    'The estimator is stopped',
    'started again',
    'memory-time saved',
    'would be killed',
    'Type next',
  ]) {
    expect(done.stdout).toContain(part)
  }
  for (const program of ['sort', 'gzip', 'build-index', 'load-sqlite']) {
    expect(done.stdout).toMatch(new RegExp(`^${program} +8 `, 'm'))
  }
  const sized = [...done.stdout.matchAll(/^(?:sort|gzip|build-index|load-sqlite) +8 +(\d+)/gm)]
  expect(sized.reduce((sum, [, learned]) => sum + Number(learned), 0)).toBeGreaterThan(0)
  expect(readdirSync(data).length).toBeGreaterThan(0)
})

test('what it prints to be typed next works as typed', { timeout: 120_000 }, async () => {
  expect(folders[0], 'what the demo above has left').toBeTruthy()
  const profiler = `127.0.0.1:${await freePort()}`
  const estimator = `127.0.0.1:${await freePort()}`
  const up = foresize([
    'up',
    '--gateway-listen=',
    '--quiet',
    '--profiler-metrics=',
    '--estimator-metrics=',
    '--data-dir',
    `${folders[0]}/profiles`,
    '--profiler-listen',
    profiler,
    '--estimator-listen',
    estimator,
  ])
  await up.prints('Ready.')
  const env = { FORESIZE_PROFILER: profiler, FORESIZE_ESTIMATOR: estimator }
  expect((await foresize(['profiles', 'list'], { env }).done).stdout).toContain('build-index')
  const estimate = await foresize(['estimate', '--task', 'sort', '--feature', 'input_bytes=20MiB'], { env })
    .done
  expect(estimate.stdout).toContain('from profile')
  up.kill('SIGTERM')
  expect(await up.done).toMatchObject({ code: 0 })
})
