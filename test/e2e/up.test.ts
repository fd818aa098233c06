import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isReady, isServing } from '../../cli/health-check.ts'
import { freePort, startService } from '../../cli/pair.ts'
import { eventually, foresize, type Started } from './support.ts'

/** `foresize up`: how it refuses to start, and how it and its services end together. */

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-up-'))
  writeFileSync(join(folder, 'file'), '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('what it cannot do it says at once, in one sentence that names the flag', () => {
  test.each([
    [['--profiler-listen', 'zz'], 2, '--profiler-listen zz: must be host:port'],
    [['--estimator-listen', '127.0.0.1:99999'], 2, '--estimator-listen 127.0.0.1:99999: must be host:port'],
    [['--gateway-listen', 'zz'], 2, '--gateway-listen zz: must be host:port'],
    [['--profiler-metrics', '9070'], 2, '--profiler-metrics 9070: must be host:port'],
    [['--data-dir', '/proc/profiles'], 1, '--data-dir /proc/profiles: profiles cannot be kept there'],
    [['--data-dir', '{}/file'], 1, '--data-dir {}/file: profiles cannot be kept there'],
    [['--data-dir', '{}/file/below'], 1, '--data-dir {}/file/below: profiles cannot be kept there'],
  ])('%j', async (args, code, message) => {
    const here = (text: string) => text.replace('{}', folder)
    const done = await foresize(['up', ...args.map(here)]).done
    expect(done).toMatchObject({ code, stdout: '' })
    expect(done.stderr).toContain(`foresize up: ${here(message)}`)
  })
})

const started: Started[] = []
/** A test that fails leaves nothing running. */
afterEach(async () => {
  for (const up of started.splice(0)) {
    up.kill('SIGTERM')
    await up.done
  }
})

async function startUp(name: string, env: NodeJS.ProcessEnv = {}) {
  const data = join(folder, name)
  const address = async () => `127.0.0.1:${await freePort()}`
  const [profiler, estimator, gateway] = [await address(), await address(), await address()]
  const listens = [
    '--profiler-listen',
    profiler,
    '--estimator-listen',
    estimator,
    '--gateway-listen',
    gateway,
  ]
  const estimatorMetrics = await address()
  const metrics = ['--profiler-metrics=', '--estimator-metrics', estimatorMetrics, '--gateway-metrics=']
  const up = foresize(['up', '-q', '--data-dir', data, ...listens, ...metrics], { env })
  started.push(up)
  await up.prints('Ready')
  const lock = join(data, 'lock')
  const { pid } = JSON.parse(readFileSync(lock, 'utf8')) as { readonly pid: number }
  const areGone = () =>
    eventually(async () => {
      const served = [
        await isServing(profiler, 1000),
        await isServing(estimator, 1000),
        await isReady(gateway, 1000),
      ]
      return served.includes(true) || existsSync(lock) ? undefined : true
    })
  return { up, profiler, estimator, gateway, estimatorMetrics, profilerPid: pid, areGone }
}

test('killed, it takes all services with it, and the store is closed in order', async () => {
  const { up, gateway, areGone } = await startUp('killed')
  await up.prints(`gateway    http://${gateway}\nconsole    http://${gateway}/console/`)
  expect(await isReady(gateway, 10_000)).toBe(true)
  up.kill('SIGKILL')
  expect(await up.done).toMatchObject({ signal: 'SIGKILL' })
  expect(await areGone()).toBe(true)
})

test('of a service that dies it says which, how, and what to look at, and stops the others', async () => {
  const { up, profilerPid, areGone } = await startUp('dies')
  process.kill(profilerPid, 'SIGKILL')
  const done = await up.done
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('the profiler was ended by SIGKILL')
  expect(done.stderr).toMatch(/ profiler info serving .*\n.*"out of memory" in the kernel's log/)
  rmSync(join(folder, 'dies', 'lock'))
  expect(await areGone()).toBe(true)
})

/** Processes that it has started, and those that they have. */
function descendantsOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('with an estimator of three processes', () => {
  const threeServe = (metrics: string) =>
    eventually(async () => {
      const figures = await (await fetch(`http://${metrics}/metrics`)).text()
      return figures.includes('foresize_estimator_processes 3') ? true : undefined
    })

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'it serves as with one, also while one of the three is killed, and ended by %s leaves none',
    async (signal) => {
      const { up, profiler, estimator, gateway, estimatorMetrics, areGone } = await startUp(signal, {
        FORESIZE_ESTIMATOR_PROCESSES: '3',
      })
      await threeServe(estimatorMetrics)
      const processes = descendantsOf(up.pid)
      expect(processes).toHaveLength(6)
      const estimators = processes.filter((pid) => descendantsOf(pid).length === 3).flatMap(descendantsOf)
      process.kill(estimators[0] ?? 0, 'SIGKILL')
      const env = { FORESIZE_PROFILER: profiler, FORESIZE_ESTIMATOR: estimator }
      const asked = await foresize(['estimate', '--task', 'sort', '--within', '10s'], { env }).done
      expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining('sort: ') })
      expect(await isReady(gateway, 10_000)).toBe(true)
      expect((await foresize(['doctor'], { env }).done).code).toBe(0)
      await threeServe(estimatorMetrics)
      const last = descendantsOf(up.pid)
      up.kill(signal)
      expect(await up.done).toMatchObject(signal === 'SIGTERM' ? { code: 0 } : { signal })
      expect(await areGone()).toBe(true)
      await eventually(async () => (last.some(isAlive) ? undefined : true))
    },
  )

  test('and a profiler of several it refuses, since its store belongs to one process', async () => {
    const listens = ['--profiler-listen', `127.0.0.1:${await freePort()}`]
    const data = ['--data-dir', join(folder, 'refused')]
    const env = { FORESIZE_PROFILER_PROCESSES: '2' }
    const done = await foresize(['up', '-q', ...listens, ...data], { env }).done
    expect(done.code).toBe(1)
    expect(done.stderr).toContain('--processes 2: --store lmdb belongs to one process')
  })
})

test('of one that dies without a word it says how to see more', async () => {
  const listen = `127.0.0.1:${await freePort()}`
  const flags = ['--log-level', 'silent', '--data-dir', join(folder, 'file'), '--metrics-listen=']
  const started = startService({ service: 'profiler', listen, flags, onLog: () => {} })
  await expect(started).rejects.toThrow(
    `the profiler exited with 1 without a word; start it alone to see more: node services/profiler/main.ts --listen ${listen} --log-level silent`,
  )
})
